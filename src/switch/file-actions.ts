/**
 * File actions of the network on own cards: what it puts on its stop list is locked here, what it takes from it is unlocked, and what it
 * asks for is told.
 *
 *   add, change, replace ──> the order of a lock ──┐
 *   delete ────────────────> the order of its end ─┴──> the account, and every switch's negative list (OwnLocks)
 *   inquire ───────────────> the account as the store has it
 *
 * Refuses what is no file action of an own card, and says what its account refuses, each by an action code of the standard. Invariants: a
 * lock is an order like an operator's, so that it is taken while the store is away too; the same message again changes the card once, and is
 * answered as before.
 */
import { createHash } from 'node:crypto';
import type { Deadlines } from '../base/deadlines.ts';
import type { FileActionCode, FileActionMeaning } from '../dialect/file-action.ts';
import type { LockOrder, NegativeList } from '../issuer/negative-list.ts';
import type { CardVault } from '../keys/hsm.ts';
import type { Pan } from '../message/pan.ts';
import { reasons } from '../message/reason.ts';
import type { LockTaken } from './own-locks.ts';
import { Recent } from './recent.ts';

export interface FileActionArrival {
  readonly station: string;
  readonly meaning: FileActionMeaning;
}

export interface FileActionAnswer {
  readonly action: FileActionCode;
  /** What an inquiry found: the lock code; 0: nothing is told. */
  readonly standing: number;
  /** Of the fault, where it is one of a field. */
  readonly field: string | undefined;
  /** Of the card; empty where none was carried. */
  readonly token: string;
  /** Of the order; empty: nothing was ordered. */
  readonly orderId: string;
  /** For people. */
  readonly detail: string;
}

export interface FileActionsOptions {
  readonly vault: Pick<CardVault, 'cardToken'>;
  readonly list: NegativeList;
  /** Takes an order and tells the other switches. */
  readonly order: (order: LockOrder) => Promise<LockTaken>;
  /** Whose cards are of this range. */
  readonly holderOf: (pan: Pan) => 'own' | 'elsewhere' | 'nobody';
  /** The lock code of a card by its account, as the store has it; undefined: there is no such card, or it was removed. Rejects where the store does not answer. */
  readonly lockOf: (token: string) => Promise<number | undefined>;
  readonly deadlines: Deadlines;
}

/** What a station has its file actions done by. */
export interface FileActionDesk {
  take(arrival: FileActionArrival): Promise<FileActionAnswer>;
}

type Told = Pick<FileActionAnswer, 'action' | 'detail'> & Partial<FileActionAnswer>;

/** File actions whose answers are remembered, for repeats. */
const rememberedMax = 20_000;
/** What other switches take as the name of who asks. */
const byLengthMax = 64;
/** How long the store may take to tell of an account. */
const accountMs = 1_500;
/** Action codes after which the same message may be answered otherwise. */
const passing: readonly FileActionCode[] = ['9109', '9112'];

export class FileActions implements FileActionDesk {
  readonly #options: FileActionsOptions;
  readonly #answers = new Recent<{ readonly contents: string; readonly answer: FileActionAnswer }>(rememberedMax);
  /** By the trace: the same message comes again while it is being done. */
  readonly #underWay = new Map<string, Promise<FileActionAnswer>>();

  constructor(options: FileActionsOptions) {
    this.#options = options;
  }

  async take(arrival: FileActionArrival): Promise<FileActionAnswer> {
    const trace = traceOf(arrival);
    const go = async (): Promise<FileActionAnswer> => await this.#remembered(arrival, trace);
    const mine = this.#underWay.get(trace)?.then(go, go) ?? go();
    this.#underWay.set(trace, mine);
    try {
      return await mine;
    } finally {
      if (this.#underWay.get(trace) === mine) this.#underWay.delete(trace);
    }
  }

  async #remembered(arrival: FileActionArrival, trace: string): Promise<FileActionAnswer> {
    const { meaning: { pan, fault, operation } } = arrival;
    const token = pan === undefined ? '' : this.#options.vault.cardToken(pan);
    const answered = (told: Told): FileActionAnswer => ({ standing: 0, field: undefined, token, orderId: '', ...told });
    if (fault !== undefined || pan === undefined) return answered({ action: '3007', field: fault?.field, detail: `DE${fault?.field ?? '2'} ${fault?.text ?? ''}` });
    const unfit = this.#unfit(arrival.meaning, pan);
    if (unfit !== undefined) return answered(unfit);
    if (operation === 'inquire') return answered(await this.#inquire(token));
    const contents = `${token} ${lockCodeOf(arrival.meaning)}`;
    const before = this.#answers.get(trace);
    if (before !== undefined) return before.contents === contents ? before.answer : answered({ action: '9113', detail: 'the same trace was used before with other contents' });
    const orderId = `n${createHash('sha256').update(`${trace} ${contents}`).digest('base64url').slice(0, 24)}`;
    const answer = answered({ orderId, ...await this.#change(arrival, token, orderId) });
    if (!passing.includes(answer.action)) this.#answers.set(trace, { contents, answer });
    return answer;
  }

  /** Why it is nothing that could be done to an own card. */
  #unfit({ operation, isOfStopList, lockCode }: FileActionMeaning, pan: Pan): Told | undefined {
    if (!isOfStopList) return { action: '3009', detail: 'the file that it names is not the stop list' };
    if (operation === undefined) return { action: '3001', detail: 'what is to be done with the file is not understood' };
    const holder = pan.luhnValid ? this.#options.holderOf(pan) : 'nobody';
    if (holder === 'elsewhere') return { action: '3001', detail: 'the card\'s issuer is elsewhere, and has the list of its cards' };
    if (holder === 'nobody') return { action: '3002', detail: 'no program has the card' };
    if (lockCode === undefined && operation !== 'delete' && operation !== 'inquire') return { action: '3004', detail: 'its reason is missing, or not understood' };
    return undefined;
  }

  async #change({ station, meaning }: FileActionArrival, token: string, id: string): Promise<Told> {
    const { list, order } = this.#options;
    const lockCode = lockCodeOf(meaning);
    const there = list.find(token);
    if (there?.id !== id) {
      const found = await this.#standing(token);
      // What this switch may have done before it was started anew, and the account cannot say now, would undo what was ordered since.
      if (found === 'unreachable' && meaning.isRepeat && there !== undefined) return { action: '9112', detail: 'whether it was done before cannot be said now' };
      // A repeat of what took the lock away finds none either: its account knows.
      if (lockCode === 0 && found === 0 && !meaning.isRepeat) return { action: '3002', detail: 'the card is not locked' };
    }
    const by = `station ${station}`.slice(0, byLengthMax);
    const asked: LockOrder = there?.id === id ? there : { id, token, lockCode, orderedAtMs: list.orderTimeMs(token), askedBy: 'network', by, why: `file action ${meaning.operation ?? ''}` };
    return told(await order(asked), lockCode);
  }

  async #inquire(token: string): Promise<Told> {
    const found = await this.#standing(token);
    const standing = found === 'unreachable' ? (this.#options.list.find(token)?.lockCode ?? 'unreachable') : found;
    if (standing === 'unreachable') return { action: '9112', detail: 'its account cannot be asked now' };
    return standing === 0 || standing === undefined ? { action: '3002', detail: 'the card is not locked' } : { action: '3000', standing, detail: `lock code ${standing}` };
  }

  /** The card's lock code by its account; undefined: there is no such card, or it was removed. */
  async #standing(token: string): Promise<number | undefined | 'unreachable'> {
    const { lockOf, deadlines } = this.#options;
    const { promise, resolve } = Promise.withResolvers<number | undefined | 'unreachable'>();
    const late = deadlines.after(accountMs, () => resolve('unreachable'));
    lockOf(token).then(resolve, () => resolve('unreachable'));
    const found = await promise;
    late.cancel();
    return found;
  }
}

/** By what the same message is known again, on whatever connection and at whichever switch it comes. */
function traceOf({ station, meaning: { mti, stan, sentAt, sender } }: FileActionArrival): string {
  return [station, mti, stan, sentAt, sender].join(':');
}

function lockCodeOf({ operation, lockCode }: FileActionMeaning): number {
  return operation === 'delete' ? 0 : (lockCode ?? 0);
}

function told(taken: LockTaken, lockCode: number): Told {
  switch (taken.kind) {
    case 'listed': {
      const what = lockCode === 0 ? 'unlocked' : `locked with code ${lockCode}`;
      return { action: '3000', detail: taken.account === 'has' ? what : `${what}; its account gets it when the store is back` };
    }
    case 'older': return { action: '3006', detail: 'a later order of the card is here already' };
    case 'notWritten': return { action: '9109', detail: 'this switch\'s disk did not take it' };
    case 'refused': {
      const { reason } = taken;
      const detail = `its account does not take it: ${reasons[reason].text} (${reason})`;
      if (reason === '1018' || reason === '1810') return { action: '3002', detail };
      return { action: lockCode === 0 ? '3006' : '3008', detail };
    }
  }
}
