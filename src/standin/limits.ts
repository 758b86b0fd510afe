/**
 * What bounds stand-in's approvals: the last known balance, the limits of the card, the caps of the outage. They come after all other
 * tests. Where switches count apart, each has its share.
 */
import { assert } from '../base/assert.ts';
import type { Reason } from '../message/reason.ts';
import { scopeId, usedOf } from './activity.ts';
import { holds } from './condition.ts';
import { usedInOutage } from './exposure.ts';
import type { Exposure } from './exposure.ts';
import { spanOf } from './rules.ts';
import type { Cap, Limit } from './rules.ts';
import type { Request } from './subject.ts';
import { fail, pass, skip, wrong } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export function testBalance(request: Request): Verdict {
  const { set: { tests: { balanceAgeSecondsMax } }, facts: { lastKnown, nowMs, why, switchesSharing }, state, rules, isDebit, addedMinor } = request;
  const mode = modeOfBalance(request);
  // Without its store an account's other answers are no better than what is known of it, either.
  if (mode === 'off' || (!isDebit && why !== 'storeUnreachable')) return skip(mode);
  const parameter = `${mode}, ${balanceAgeSecondsMax} s`;
  const unknown: Reason = why === 'storeUnreachable' ? '9112' : '9107';
  if (lastKnown === undefined) return mode === 'required' ? fail(unknown, parameter, 'not known') : skip(parameter, 'not known');
  if (lastKnown.currency !== rules.currency) return fail(unknown, parameter, 'known in another currency');
  // The age counts both ways: after a clock has jumped it says nothing of what is fresh.
  const ageSeconds = Math.ceil(Math.abs(nowMs - lastKnown.asOfMs) / 1000);
  if (ageSeconds > balanceAgeSecondsMax) return fail(unknown, parameter, `${ageSeconds} s old`);
  const availableMinor = share(lastKnown.availableMinor, switchesSharing) - pendingOf(state.account);
  return isDebit ? asked(addedMinor, availableMinor, '1016', parameter) : pass(parameter, `${ageSeconds} s old`);
}

export function testPartnerBalance(request: Request): Verdict {
  const { facts: { lastKnown, switchesSharing, depositRefusal }, state, isDebit, addedMinor } = request;
  const mode = modeOfBalance(request);
  if (depositRefusal !== undefined) return wrong(depositRefusal, 'deposit', depositRefusal === '1820' ? 'not covered' : 'not known');
  if (mode === 'off' || !isDebit || lastKnown?.headroomMinor === undefined) return skip(mode, 'not known');
  return asked(addedMinor, share(lastKnown.headroomMinor, switchesSharing) - pendingOf(state.partner), '1820', mode);
}

/** An account that is decided on without its store is never decided on without knowing it. */
function modeOfBalance({ set: { tests }, facts: { why, needsBalance } }: Request): 'required' | 'ifCarried' | 'off' {
  return why === 'storeUnreachable' || needsBalance === true ? 'required' : tests.balance;
}

function pendingOf(exposure: Exposure | undefined): number {
  assert(exposure !== undefined, 'what is pending of a balance is known with it');
  return exposure.pendingMinor;
}

function asked(addedMinor: number, availableMinor: number, reason: Reason, parameter: string): Verdict {
  const value = `${Math.max(0, addedMinor)} of ${availableMinor}`;
  return addedMinor <= 0 || addedMinor <= availableMinor ? pass(parameter, value) : fail(reason, parameter, value);
}

function share(whole: number, switches: number): number {
  assert(Number.isSafeInteger(switches) && switches >= 1, 'at least one switch counts');
  return Math.floor(whole / switches);
}

/** The set's limits, with the card's own in their place. */
export function limitsOf({ set, facts: { cardLimits = [] } }: Pick<Request, 'set' | 'facts'>): readonly Limit[] {
  if (cardLimits.length === 0) return set.limits;
  const others = set.limits.filter((limit) => !cardLimits.some((own) => isSameKind(own, limit)));
  return [...others, ...cardLimits];
}

function isSameKind(a: Limit, b: Limit): boolean {
  return a.scope === b.scope && a.period === b.period && a.hours === b.hours && a.currency === b.currency;
}

/** @returns one verdict for each limit that stands for the request, up to the first that it would break */
export function testLimits(request: Request): readonly Verdict[] {
  const verdicts: Verdict[] = [];
  if (!request.isDebit) return [skip('')];
  for (const limit of limitsOf(request)) {
    if (!request.scopes.includes(limit.scope) || (limit.currency !== undefined && request.message.amount?.currency !== limit.currency)) continue;
    if (limit.period === 'outage' && !request.isInOutage) continue;
    if (limit.when !== undefined && !holds(limit.when, request)) continue;
    testLimit(request, limit, verdicts);
    if (verdicts.at(-1)?.outcome === 'fail') break;
  }
  return verdicts.length === 0 ? [skip('')] : verdicts;
}

function testLimit(request: Request, limit: Limit, verdicts: Verdict[]): void {
  const { facts: { switchesSharing, nowMs, day, month }, outageId, state, transactions } = request;
  const { scope, currency } = limit;
  const span = spanOf(limit);
  const name = `${typeof span === 'number' ? `${span} hours` : limit.period} ${scopeId(scope, currency)}`;
  const { wholeMinor, addedMinor } = inCurrency(request, currency);
  if (span === undefined) compare(name, limit, 0, wholeMinor, 1, verdicts);
  else if (addedMinor <= 0 && transactions === 0) verdicts.push(skip(name, 'counted before'));
  else {
    const [count, usedMinor] = usedOf(state.card, span, scopeId(scope, currency), { nowMs, day, month, outageId });
    compare(name, limit, count + transactions, usedMinor + Math.max(0, addedMinor), switchesSharing, verdicts);
  }
}

/** What it adds in a limit's own currency: all of it, where it is for more than its originals in the rules' currency. */
export function inCurrency({ message, wholeMinor, addedMinor }: Request, currency: string | undefined): { readonly wholeMinor: number; readonly addedMinor: number } {
  if (currency === undefined) return { wholeMinor, addedMinor };
  const amountMinor = message.amount?.amountMinor ?? 0;
  return { wholeMinor: amountMinor, addedMinor: addedMinor <= 0 ? 0 : amountMinor };
}

function compare(name: string, { amountMinorMax, countMax }: Cap, count: number, amountMinor: number, switches: number, verdicts: Verdict[]): void {
  if (amountMinorMax !== undefined) {
    const most = share(amountMinorMax, switches);
    const parameter = `${name} amount ${most}`;
    if (amountMinor > most) {
      verdicts.push(fail('1021', parameter, String(amountMinor)));
      return;
    }
    verdicts.push(pass(parameter, String(amountMinor)));
  }
  if (countMax !== undefined) {
    const most = share(countMax, switches);
    const parameter = `${name} count ${most}`;
    verdicts.push(count > most ? fail('1023', parameter, String(count)) : pass(parameter, String(count)));
  }
}

/** @returns one verdict for each cap of the outage, up to the first that would be broken */
export function testOutageCaps(request: Request): readonly Verdict[] {
  const { rules: { outageCaps }, state, facts: { nowMs, day, month, switchesSharing }, outageId, isDebit, isInOutage, addedMinor, transactions } = request;
  if (!isDebit || !isInOutage || (addedMinor <= 0 && transactions === 0)) return [skip('')];
  const verdicts: Verdict[] = [];
  for (const level of ['card', 'account', 'issuer'] as const) {
    const cap = outageCaps[level];
    const exposure = level === 'card' ? undefined : state[level];
    if (cap === undefined || (level !== 'card' && exposure === undefined)) continue;
    const [count, usedMinor] = exposure === undefined
      ? usedOf(state.card, 'outage', 'overall', { nowMs, day, month, outageId }) : usedInOutage(exposure, outageId);
    compare(level, cap, count + transactions, usedMinor + Math.max(0, addedMinor), switchesSharing, verdicts);
    if (verdicts.at(-1)?.outcome === 'fail') break;
  }
  return verdicts.length === 0 ? [skip('')] : verdicts;
}
