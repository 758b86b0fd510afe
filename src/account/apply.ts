/**
 * The one way in which an account changes: (account, records, message) -> decision. Pure: no clock, no randomness, no input or
 * output; what it needs to know is stamped on the message. What it must see first it asks for.
 */
import type { CardMessage, Response } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';
import { advise } from './advise.ts';
import { cardIndex } from './account.ts';
import type { Account, Card } from './account.ts';
import { chipOf } from './atc.ts';
import { authorize } from './authorize.ts';
import { Change } from './change.ts';
import { noChecks, noContext, runChecks } from './checks.ts';
import { plainResponse, withScripts } from './decision.ts';
import type { DecideFacts, Decision } from './decision.ts';
import { decided } from './entry.ts';
import { expire } from './expire.ts';
import type { ExpireMessage } from './expire.ts';
import { applyLifecycle } from './lifecycle.ts';
import type { LifecycleMessage } from './lifecycle.ts';
import { locate } from './locate.ts';
import type { Records } from './locate.ts';
import { shortFingerprint } from './record.ts';
import type { Leg } from './record.ts';
import { referencesToCheck } from './references.ts';
import { reverse } from './reverse.ts';
import { scriptsSentBy } from './scripts.ts';
import { settle } from './settle.ts';

export type AccountMessage = CardMessage | ExpireMessage | LifecycleMessage;

/**
 * Decides a message.
 * @param account undefined where no account is known for it
 * @returns a decision, or what is to be read or verified before asking again
 */
export function apply(account: Account | undefined, records: Records, message: AccountMessage, facts: DecideFacts): Decision {
  if (message.kind === 'expire') return expire(account, message, records);
  if (message.kind !== 'card') return applyLifecycle(account, message, records);
  if (account === undefined) return withoutCard(undefined, message, facts);
  const index = cardIndex(account, message.card.token);
  const card = account.cards[index];
  if (card === undefined) return withoutCard(undefined, message, facts);

  const locating = locate(account.id, index, message, records, facts.decidedAtMs);
  if (locating.kind === 'read') return locating;
  const { located } = locating;
  if (message.stoodIn !== undefined && (located.own !== undefined || !located.isFull)) {
    return settle({ account, index, card }, message, message.stoodIn, located, records, facts);
  }
  if (located.own !== undefined) return again(account, card, message, located.own);
  if (located.isFull) return withoutRoom(account, message, records, facts);
  const owner = { account, index, card };
  const references = message.class === 'reversal' ? undefined : referencesToCheck(card.record, message);
  if (references !== undefined) return { kind: 'verify', references };
  if (message.class === 'reversal') return reverse(owner, message, located, records, facts);
  return message.function === 'request' ? authorize(owner, message, located, records, facts) : advise(owner, message, located, records, facts);
}

/** The same trace came before: the same contents get the same answer, others are refused. Neither changes anything. */
function again(account: Account, card: Card, message: CardMessage, leg: Leg): Decision {
  if (leg.id !== message.id && leg.fingerprint !== shortFingerprint(message.fingerprint)) {
    return { kind: 'decided', response: { ...plainResponse('9113'), amount: message.amount }, change: undefined, note: 'duplicate' };
  }
  return { kind: 'decided', response: answerBefore(account, card, message, leg), change: undefined, note: 'repeat' };
}

function answerBefore(account: Account, card: Card, message: CardMessage, leg: Leg): Response {
  const approved = leg.reason.startsWith('0');
  const amountMinor = approved ? leg.answeredMinor : leg.amountMinor;
  const known = message.chip === undefined ? undefined : chipOf(card.security.chips, message.chip.panSequence);
  const chipIsOther = message.chip !== undefined && (known?.takenBy !== leg.id || known.highestAtc !== message.chip.atc);
  // What the chip has carried out meanwhile, or was sent again since, it is not told once more.
  return withScripts({
    reason: leg.reason,
    approvalCode: approved ? leg.approvalCode : '',
    amount: leg.currency === '' ? undefined : { amountMinor, currency: leg.currency },
    billing: approved && message.billing !== undefined ? { amountMinor: leg.billedMinor, currency: account.currency } : undefined,
    balance: leg.balance === undefined ? undefined : { ledgerMinor: leg.balance[0], availableMinor: leg.balance[1], currency: account.currency },
    field: message.fault?.field,
    ...(chipIsOther ? { chipIsOther } : {}),
  }, chipIsOther ? [] : scriptsSentBy(card.security.scripts, leg.id));
}

/** The trace's records are full of legs that tell themselves apart by nothing else: written down, not remembered, and moving no money. */
function withoutRoom(account: Account, message: CardMessage, records: Records, facts: DecideFacts): Decision {
  const change = new Change(account, records, message.terms.recordDays, facts.decidedAtMs);
  const response: Response = { ...plainResponse('9103'), amount: message.amount };
  return decided(account, change, [], { message, facts, response, checks: noChecks(), originalId: undefined, flags: ['traceFull'] });
}

/** A card that no account has, or that is in no program's range: written down, owned by no account, and moving no money. */
function withoutCard(account: undefined, message: CardMessage, facts: DecideFacts): Decision {
  const isRequest = message.function === 'request' && message.class !== 'reversal';
  const outcome = runChecks(message, noContext);
  let reason: Reason = outcome.failure ?? '1018';
  if (reason === '1018' && message.terms.program === '') reason = '9108';
  if (!isRequest && message.fault === undefined) reason = message.class === 'reversal' ? '4000' : '9000';
  const response: Response = { ...plainResponse(reason, message.fault?.field), amount: message.amount };
  return decided(account, undefined, [], {
    message, facts, response, checks: isRequest ? outcome.results : noChecks(), originalId: undefined, flags: isRequest ? [] : ['cardUnknown'],
  });
}

