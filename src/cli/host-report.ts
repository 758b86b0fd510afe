/** What a test host tells: an event for each message, and a summary at the end; as lines for a person. No clear card number is in any of it. */
import { maskText } from '../base/mask.ts';
import type { PassedKind } from '../dialect/rules.ts';
import type { PassedMeaning } from '../dialect/to-acquirer.ts';
import { formatAmount } from '../message/money.ts';
import type { Amount } from '../message/money.ts';
import { aligned } from './command.ts';

/** What network management between issuer and station is about. */
export const networkNames = [
  'signOn', 'signOff', 'echo', 'cutover', 'keyChange', 'startAdvices', 'stopAdvices', 'speedAdvices', 'enterSuppressInquiry', 'leaveSuppressInquiry', 'other',
] as const;

export type NetworkName = (typeof networkNames)[number];

/** A message about a card, and what became of it. */
export interface HostMessage {
  readonly event: 'message';
  /** Unix ms, of its arrival. */
  readonly atMs: number;
  /** The host's connection that it came on, from 1. */
  readonly connection: number;
  /** Counts all messages about cards from 1. */
  readonly number: number;
  readonly mti: string;
  /** Masked. */
  readonly pan: string;
  readonly amount: Amount | null;
  readonly stan: string;
  readonly rrn: string;
  readonly purpose: string;
  /** `unheard`: the script had it ignored. */
  readonly heard: 'new' | 'repeat' | 'toldAgain' | 'double' | 'unheard';
  /** Why it is an advice or a reversal (DE25, or where the dialect has it); empty where not told. */
  readonly why: string;
  /** What the script, the cents or chance did; `usual`: nothing. */
  readonly did: string;
  /** DE39; null: none was made. */
  readonly responseCode: string | null;
  readonly approved: boolean;
  readonly approvalCode: string;
  readonly note: string;
}

export type HostEvent =
  | HostMessage
  | { readonly event: 'listening'; readonly atMs: number; readonly port: number }
  | { readonly event: 'connected'; readonly atMs: number; readonly connection: number; readonly peer: string }
  | { readonly event: 'disconnected'; readonly atMs: number; readonly connection: number; readonly reason: string }
  | { readonly event: 'notConnected'; readonly atMs: number; readonly reason: string; readonly retryInMs: number }
  /** Of the station's network management (`received`), and of the host's own once it is answered or not (`sent`). */
  | { readonly event: 'network'; readonly atMs: number; readonly connection: number; readonly direction: 'received' | 'sent'; readonly what: NetworkName; readonly code: string; readonly outcome: 'accepted' | 'refused' | 'unanswered'; readonly elapsedMs: number }
  /** A message to an acquirer: the host's own (`sent`), or one that the station passed on to it (`received`). */
  | {
      readonly event: 'passed'; readonly atMs: number; readonly connection: number; readonly direction: 'received' | 'sent'; readonly kind: PassedKind; readonly mti: string; readonly stan: string;
      /** Masked; empty: none. */
      readonly pan: string; readonly amount: Amount | null; readonly responseCode: string | null;
    }
  /** `reason` has nothing of the bytes. */
  | { readonly event: 'strange'; readonly atMs: number; readonly connection: number; readonly what: 'undecodable' | 'unmatched' | 'unsupported' | 'unwritable'; readonly reason: string };

export interface HostSummary {
  readonly connections: number;
  readonly messages: number;
  /** Asking for a decision, new ones. */
  readonly requests: number;
  readonly approvals: number;
  readonly partials: number;
  readonly declines: number;
  readonly declinesByCode: Readonly<Record<string, number>>;
  readonly reversals: number;
  readonly reversalsUnknown: number;
  readonly advices: number;
  /** Of them, those that tell of a decline. */
  readonly advisedDeclines: number;
  /** Repeats, by the type; all of them were answered as before. */
  readonly repeats: { readonly requests: number; readonly advices: number; readonly reversals: number };
  /** One payment told twice as new. */
  readonly doubles: number;
  readonly doublesToldAgain: number;
  readonly doublesListed: readonly { readonly pan: string; readonly rrn: string; readonly amount: Amount | null; readonly first: string; readonly second: string; readonly sameTrace: boolean }[];
  /** Requests that came although the host had signed off, or had asked for suppress inquiry. */
  readonly requestsSignedOff: number;
  readonly requestsSuppressed: number;
  /** What the script, the cents and chance did. */
  readonly did: Readonly<Record<string, number>>;
  readonly network: { readonly received: number; readonly sent: number; readonly unanswered: number };
  readonly echoes: { readonly received: number; readonly answered: number; readonly missed: number; readonly meanMs: number; readonly maxMs: number };
  readonly strange: Readonly<Record<'undecodable' | 'unmatched' | 'unsupported' | 'unwritable', number>>;
  /** Of each card and currency: what stands. */
  readonly cards: readonly { readonly pan: string; readonly currency: string; readonly exposureMinor: number; readonly balanceMinor: number | null }[];
}

/** One line. */
export function eventLine(event: HostEvent): string {
  return `${new Date(event.atMs).toISOString().slice(11, 23)} ${plain(wordsOf(event))}`;
}

/** What a peer wrote is not to move a terminal's cursor, and is not to be a card number. */
function plain(text: string): string {
  return maskText(text.replaceAll(/[^\x20-\x7e]/g, '?'));
}

function wordsOf(event: HostEvent): string {
  switch (event.event) {
    case 'message':
      return messageWords(event);
    case 'listening':
      return `listening on port ${event.port}`;
    case 'connected':
      return `#${event.connection} connected with ${event.peer}`;
    case 'disconnected':
      return `#${event.connection} disconnected (${event.reason})`;
    case 'notConnected':
      return `not connected (${event.reason}); again in ${Math.round(event.retryInMs)} ms`;
    case 'network':
      return `#${event.connection} ${event.direction} ${event.what} (${event.code}): ${event.outcome}${event.direction === 'sent' ? ` after ${event.elapsedMs.toFixed(1)} ms` : ''}`;
    case 'passed':
      return passedWords(event);
    case 'strange':
      return `#${event.connection} ${event.what}: ${event.reason}`;
  }
}

/** Of a message that the station passed on. @param responseCode DE39 of the answer */
export function passedEvent({ kind, stan, pan, amount }: PassedMeaning, mti: string, responseCode: unknown, connection: number, atMs: number): HostEvent {
  return { event: 'passed', atMs, connection, direction: 'received', kind, mti, stan, pan: pan?.masked ?? '', amount: amount ?? null, responseCode: typeof responseCode === 'string' ? responseCode : null };
}

function passedWords({ connection, direction, kind, mti, stan, pan, amount, responseCode }: HostEvent & { readonly event: 'passed' }): string {
  const parts = [`#${connection} ${direction} ${kind} ${mti}`, pan, amount === null ? '' : formatAmount(amount.amountMinor, amount.currency), `stan ${stan}`, responseCode === null ? '-> nothing' : `-> ${responseCode}`];
  return parts.filter((part) => part !== '').join(' ');
}

function messageWords(message: HostMessage): string {
  const { connection, mti, pan, amount, stan, rrn, heard, why, did, responseCode, approvalCode, note } = message;
  const parts = [
    `#${connection} ${mti} ${pan}`, amount === null ? undefined : formatAmount(amount.amountMinor, amount.currency), `stan ${stan}`,
    rrn === '' ? undefined : `rrn ${rrn}`, why === '' ? undefined : `why ${why}`, heard === 'new' ? undefined : heardWords[heard],
    responseCode === null ? '-> nothing' : `-> ${responseCode}`, approvalCode === '' ? undefined : approvalCode, did === 'usual' ? undefined : `[${did}]`,
    note === '' ? undefined : `(${note})`,
  ];
  return parts.filter((part) => part !== undefined).join(' ');
}

const heardWords: Readonly<Record<Exclude<HostMessage['heard'], 'new'>, string>> = {
  repeat: 'a repeat', toldAgain: 'TOLD AGAIN AS NEW', double: 'A DOUBLE', unheard: 'unheard',
};

export function summaryLines(summary: HostSummary): string[] {
  const { requests, approvals, partials, declines, declinesByCode, repeats, did, network, echoes, strange, cards, doublesListed } = summary;
  const rows: [string, string][] = [
    ['connections', String(summary.connections)],
    ['messages about cards', String(summary.messages)],
    ['requests', `${requests}: ${approvals} approved${partials === 0 ? '' : `, ${partials} of them in part`}, ${declines} declined${listed(declinesByCode)}`],
    ['reversals', `${summary.reversals}${summary.reversalsUnknown === 0 ? '' : `, ${summary.reversalsUnknown} of them of what is not known`}`],
    ['advices', `${summary.advices}${summary.advisedDeclines === 0 ? '' : `, ${summary.advisedDeclines} of them of a decline`}`],
    ['repeats', `${repeats.requests} of requests, ${repeats.advices} of advices, ${repeats.reversals} of reversals`],
    ['network management', `${network.received} received, ${network.sent} sent, ${network.unanswered} without an answer`],
    ['echoes', `${echoes.received} received; of ours ${echoes.answered} answered${echoes.answered === 0 ? '' : ` (${echoes.meanMs.toFixed(1)} ms, at most ${echoes.maxMs.toFixed(1)} ms)`}, ${echoes.missed} missed`],
  ];
  if (Object.keys(did).length > 0) rows.push(['done on purpose', listed(did).slice(2, -1)]);
  if (summary.requestsSignedOff + summary.requestsSuppressed > 0) rows.push(['requests out of turn', `${summary.requestsSignedOff} while signed off, ${summary.requestsSuppressed} in suppress inquiry`]);
  if (Object.values(strange).some((count) => count > 0)) rows.push(['not understood', Object.entries(strange).map(([what, count]) => `${count} ${what}`).join(', ')]);
  const lines = ['', 'Summary', ...aligned(rows, '  ')];
  if (cards.length > 0) lines.push('  cards', ...aligned(cards.slice(0, cardsShownMax).map(cardRow), '    '));
  if (cards.length > cardsShownMax) lines.push(`    and ${cards.length - cardsShownMax} more`);
  if (summary.doubles === 0) return lines;
  lines.push('', `!!! ${summary.doubles} ${summary.doubles === 1 ? 'TRANSACTION WAS' : 'TRANSACTIONS WERE'} TOLD TWICE AS NEW !!!`);
  for (const { pan, rrn, amount, first, second, sameTrace } of doublesListed) {
    lines.push(`  ${pan} ${amount === null ? '' : formatAmount(amount.amountMinor, amount.currency)} rrn ${rrn}: ${first}, then ${second}${sameTrace ? ' under the same trace, without the type of a repeat' : ''}`);
  }
  return lines.map(plain);
}

const cardsShownMax = 50;

function cardRow({ pan, currency, exposureMinor, balanceMinor }: HostSummary['cards'][number]): string[] {
  return [pan, formatAmount(exposureMinor, currency), balanceMinor === null ? 'unlimited' : `of ${formatAmount(balanceMinor, currency)}`];
}

/** ` (51: 2, 05: 1)`; empty where there is nothing. */
function listed(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  return entries.length === 0 ? '' : ` (${entries.map(([name, count]) => `${name}: ${count}`).join(', ')})`;
}
