/**
 * Why a transaction was answered as it was. A reason is ours: a four-digit action code of ISO 8583:2003, or one of our
 * own from 1800 to 1999 where the standard's code does not tell two causes apart. What a link shows (DE39) is
 * mapped from it by data and may say less; the journal keeps the reason.
 */

export interface ReasonFact {
  readonly name: string;
  /** One sentence for a person. */
  readonly text: string;
  /** The action code of ISO 8583:2003 that stands for it on the wire. */
  readonly action: string;
  /** Could the same request be approved later, with nothing changed by the cardholder or the acquirer? */
  readonly retry: boolean;
}

function reason(name: string, text: string, action: string, retry = false): ReasonFact {
  return { name, text, action, retry };
}

export const reasons = {
  '0000': reason('approved', 'Approved', '0000'),
  '0002': reason('approvedPartially', 'Approved for a part of the amount', '0002'),
  '1000': reason('doNotHonour', 'The issuer declines, and says no more', '1000'),
  '1001': reason('cardExpired', 'The card has expired, or the expiry date is not the one on record', '1001'),
  '1002': reason('fraudSuspected', 'The issuer suspects fraud', '1002'),
  '1004': reason('cardRestricted', 'The card is restricted', '1004'),
  '1007': reason('referToIssuer', 'The card acceptor is to call the issuer', '1007', true),
  '1008': reason('referToIssuerSpecially', 'The card acceptor is to call the issuer, for special conditions', '1008', true),
  '1010': reason('amountInvalid', 'The amount is not one that this transaction can have', '1010'),
  '1011': reason('cardNumberInvalid', 'The card number fails its check digit', '1011'),
  '1012': reason('pinRequired', 'Cash needs a verified PIN or a chip’s cryptogram', '1012'),
  '1015': reason('functionNotSupported', 'This kind of transaction is not supported', '1015'),
  '1016': reason('fundsInsufficient', 'The available balance does not cover the amount', '1016'),
  '1017': reason('pinWrong', 'The PIN is wrong', '1017', true),
  '1018': reason('cardUnknown', 'No such card is on record', '1018'),
  '1019': reason('notPermittedToCardholder', 'The issuer does not permit this transaction to the cardholder', '1019'),
  '1020': reason('notPermittedToTerminal', 'The issuer does not permit this transaction to the terminal', '1020'),
  '1021': reason('amountLimitExceeded', 'A limit on amounts would be exceeded', '1021', true),
  '1022': reason('securityViolation', 'The issuer’s security rules are violated', '1022'),
  '1023': reason('countLimitExceeded', 'A limit on the number of transactions would be exceeded', '1023', true),
  '1026': reason('pinBlockInvalid', 'The PIN block holds no PIN of this card', '1026', true),
  '1030': reason('currencyNotAccepted', 'The currency is not the balance’s own and no billing amount was given', '1030'),
  '1034': reason('holdExpired', 'The authorization that this one adds to is no longer open', '1034'),
  '1045': reason('cardVerificationFailed', 'The card verification value is wrong', '1045'),
  '1048': reason('newPinInvalid', 'The new PIN is not one that this card can have', '1048', true),
  '1801': reason('cardLost', 'Locked: the card was reported lost', '2008'),
  '1802': reason('cardStolen', 'Locked: the card was reported stolen', '2009'),
  '1803': reason('cardPendingQuery', 'Locked: a query is pending', '1000', true),
  '1804': reason('cardConsolidated', 'Locked: the card was consolidated', '1016'),
  '1805': reason('cardInactive', 'Locked: the card is inactive', '1018'),
  '1806': reason('pinTriesExceeded', 'Locked: too many wrong PINs', '1006'),
  '1807': reason('cardSuspectedFraud', 'Locked: fraud is suspected', '1002', true),
  '1808': reason('cardReplaced', 'Locked: the card was replaced', '1011'),
  '1810': reason('cardRemoved', 'The card was removed', '1018'),
  '1811': reason('cardNotActivated', 'The card has not been activated', '1018'),
  '1812': reason('verificationValueMissing', 'The program demands a card verification value and none was carried', '1045'),
  '1813': reason('pinNotVerifiable', 'PIN data was sent, and this card has no PIN', '1015'),
  '1814': reason('verificationNotPossible', 'The card verification value could not be checked', '9120', true),
  '1815': reason('pinCheckNotPossible', 'The PIN could not be checked', '9119', true),
  '1816': reason('balanceClosed', 'The balance is closed', '1014'),
  '1817': reason('balanceNotEmpty', 'A balance is closed when nothing is on it and nothing is held', '1014'),
  '1818': reason('pinKeyReused', 'The terminal’s key that the PIN came under was used before', '1022'),
  '1820': reason('partnerBalanceExhausted', 'The partner’s credit balance does not cover the amount', '1016', true),
  '1821': reason('partnerRateMissing', 'The partner’s balance is in another currency, to which no rate is known', '1030'),
  '1830': reason('reversedBefore', 'A reversal of this transaction arrived before it', '9113'),
  '1832': reason('reversalExceedsOriginal', 'A reversal names more than the original took', '1010'),
  '1840': reason('cryptogramWrong', 'The chip’s cryptogram is wrong', '1045'),
  '1841': reason('cryptogramMissing', 'The chip was read, and its cryptogram was not carried', '1045'),
  '1842': reason('cryptogramReplayed', 'The chip’s transaction counter was used before, or is too far back', '1045'),
  '1843': reason('chipRuleFailed', 'What the chip and the terminal report is declined by the issuer’s rules', '1000'),
  '1844': reason('fallbackNotAllowed', 'The stripe of a chip card was read, and the issuer allows no fallback', '1000'),
  '1845': reason('cryptogramCheckNotPossible', 'The chip’s cryptogram could not be checked', '9120', true),
  '1850': reason('authenticationWrong', 'The cardholder authentication value is wrong', '1045'),
  '1851': reason('authenticationReused', 'The cardholder authentication value was used before', '1045'),
  '1852': reason('authenticationMissing', 'The program demands a cardholder authentication value and none was carried', '1045', true),
  '1853': reason('authenticationCheckNotPossible', 'The cardholder authentication value could not be checked', '9120', true),
  '1860': reason('standInRefuses', 'The rules of stand-in do not allow this transaction', '1000', true),
  '1861': reason('standInStopped', 'Stand-in is stopped for this issuer', '9107', true),
  '1862': reason('cardDeclinedByInstruction', 'The issuer’s exception file declines this card', '1000'),
  '1870': reason('cardPaused', 'The card is locked for a time by its holder or its partner', '1004', true),
  '1871': reason('channelClosed', 'Its holder or its partner has closed this way of paying', '1019'),
  '1872': reason('countryClosed', 'Its holder or its partner has closed this country', '1019'),
  '1873': reason('merchantClosed', 'Its holder or its partner has closed this kind of merchant', '1019'),
  '1874': reason('controlAmountExceeded', 'A limit on amounts of its holder or its partner would be exceeded', '1021', true),
  '1875': reason('controlCountExceeded', 'A limit on the number of transactions of its holder or its partner would be exceeded', '1023', true),
  '2000': reason('pickUp', 'The card is to be picked up', '2000'),
  '2002': reason('pickUpFraudSuspected', 'The card is to be picked up: fraud is suspected', '2002'),
  '2004': reason('pickUpRestricted', 'The card is to be picked up: it is restricted', '2004'),
  '2007': reason('pickUpSpecially', 'The card is to be picked up, for special conditions', '2007'),
  '4000': reason('reversalAccepted', 'The reversal was accepted', '4000'),
  '9000': reason('adviceNoted', 'The advice was noted; no money moved', '9000'),
  '9001': reason('adviceApplied', 'The advice was recorded in the account', '9001'),
  '9100': reason('formatError', 'A field is missing or has a value that it cannot have', '9100'),
  '9102': reason('transactionInvalid', 'The message type or transaction is not one that this station may send', '9102'),
  '9103': reason('reenterTransaction', 'The trace number was used too often; send it again under another', '9103', true),
  '9107': reason('issuerInoperative', 'The issuer cannot decide now', '9107', true),
  '9108': reason('destinationNotFound', 'No issuer is known for this card', '9108'),
  '9109': reason('systemMalfunction', 'The switch could not complete the transaction', '9109', true),
  '9112': reason('issuerUnavailable', 'The store that holds the account cannot be reached', '9112', true),
  '9113': reason('duplicateTransmission', 'The same trace was used before with other contents', '9113'),
  '9114': reason('originalUnknown', 'The transaction that this one refers to is not on record', '9114'),
  '9116': reason('macIncorrect', 'The message authentication code is wrong, or is missing where the station must send one', '9116'),
  '9119': reason('keyNotTaken', 'The key cannot be taken: its form, its check value or the key that it is under is not the one expected', '9119'),
  '9123': reason('requestInProgress', 'The station has more requests in flight than it may', '9123', true),
} as const satisfies Record<string, ReasonFact>;

export type Reason = keyof typeof reasons;

const lockReasons = ['1801', '1802', '1803', '1804', '1805', '1806', '1807', '1808'] as const;

/** The reason of a lock code, 1 to 8 (1 lost, 2 stolen, 3 pending query, 4 consolidation, 5 inactive, 6 PIN tries, 7 suspected fraud, 8 replaced). */
export function reasonOfLock(lockCode: number): Reason {
  const found = lockReasons[lockCode - 1];
  if (found === undefined) throw new RangeError(`a lock code is 1 to 8, not ${lockCode}`);
  return found;
}

/** Does this reason mean that the cardholder's transaction goes ahead (0xxx), as against a decline or an acknowledgement? */
export function isApproval(code: Reason): boolean {
  return code.startsWith('0');
}
