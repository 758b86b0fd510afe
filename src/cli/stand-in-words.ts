/** Why stand-in decided, in words for a person. */

const words: Readonly<Record<string, string>> = {
  timeout: 'the issuer did not answer in time',
  badAnswer: 'what the issuer answered was no valid answer',
  signedOff: 'the issuer had signed off',
  unreachable: 'the issuer could not be reached',
  circuitOpen: 'the issuer had failed too often',
  suppressInquiry: 'the issuer had asked for no inquiries',
  operator: 'an operator had ordered it',
  asked: 'the issuer had asked for it',
  belowThreshold: 'the amount was below the issuer\'s threshold',
  withinParameters: 'the card was within the issuer\'s parameters',
  overCapacity: 'the issuer was asked as much as it can answer',
  storeUnreachable: 'the store could not be reached',
  issuersOption: 'the issuer leaves it to the switch',
  internalFault: 'something in the switch had failed',
};

/** A clause; a reason that this program does not know is named. */
export function standInWords(reason: string): string {
  return words[reason] === undefined ? `because of ${reason}` : `because ${words[reason]}`;
}
