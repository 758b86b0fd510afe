/**
 * The ports over a channel to whoever has the accounts' loop and the keys. Owns which question waits for which reply. Questions of one
 * turn cross together, and the programs only where they are others than those that are known here. Invariant: a question has one reply, or is
 * unreachable after its time; a reply that comes later is dropped.
 */
import type { Account } from '../account/account.ts';
import type { LifecycleMessage } from '../account/lifecycle.ts';
import { assert } from '../base/assert.ts';
import { Pan } from '../message/pan.ts';
import { Secret } from '../message/secret.ts';
import type { DeskAsk, DeskCall, DeskReply, DeskTold } from './desk-wire.ts';
import { unreachable } from './ports.ts';
import type { AccountDesk, AppliedOutcome, CardDesk, CreditDesk, LockDesk, LockListed, NewCardReady, NewPinReady, OrderedLock, ProgramFacts } from './ports.ts';
import { LifecycleRefused } from './refusal.ts';

/** Where accounts and the directory of cards are read. Both throw what a store throws. */
export interface AccountHeads {
  /** At once where they are known. */
  accounts(ids: readonly string[]): ReadonlyMap<string, Account> | Promise<ReadonlyMap<string, Account>>;
  accountsOfCards(tokens: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

export interface DeskClientOptions {
  /** Sends questions; their replies come to `take`. */
  readonly send: (calls: readonly DeskCall[]) => void;
  readonly heads: AccountHeads;
  /** Runs at the end of this turn of the event loop. */
  readonly atTurnEnd: (work: () => void) => void;
  /** Runs after a while, unless it is cancelled. */
  readonly after: (delayMs: number, work: () => void) => { cancel(): void };
}

/** More than an account may take, so that it is the account's loop that gives up. */
const answerMs = 8_000;

export class DeskClient implements AccountDesk, LockDesk, CardDesk, CreditDesk {
  readonly #options: DeskClientOptions;
  readonly #waiting = new Map<number, (told: DeskTold) => void>();
  #gathered: DeskCall[] = [];
  #asked = 0;
  /** As they were told last: the other side says whether they are the same still. */
  #programs: { readonly version: number; readonly programs: readonly ProgramFacts[] } | undefined;
  /** The question that has not crossed yet: whoever asks until then has its answer as well. */
  #programsAsked: Promise<readonly ProgramFacts[]> | undefined;

  constructor(options: DeskClientOptions) {
    this.#options = options;
  }

  /** Replies from the other side. */
  take(replies: readonly DeskReply[]): void {
    for (const { id, told } of replies) this.#waiting.get(id)?.(told);
  }

  async apply(message: LifecycleMessage): Promise<AppliedOutcome> {
    const told = await this.#ask({ what: 'apply', message });
    return told?.what === 'applied' ? told.outcome : { kind: 'unreachable' };
  }

  async orderLock(order: OrderedLock): Promise<LockListed> {
    const told = await this.#ask({ what: 'orderLock', order });
    return told?.what === 'lockListed' ? told.listed : { kind: 'unreachable' };
  }

  async accounts(ids: readonly string[]): Promise<ReadonlyMap<string, Account>> {
    try {
      return await this.#options.heads.accounts(ids);
    } catch {
      // The store's own events say why.
      throw unreachable('accounts');
    }
  }

  async accountsOfCards(tokens: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return await read(() => this.#options.heads.accountsOfCards(tokens));
  }

  async programs(): Promise<readonly ProgramFacts[]> {
    return await (this.#programsAsked ??= this.#askPrograms());
  }

  async #askPrograms(): Promise<readonly ProgramFacts[]> {
    const known = this.#programs;
    const told = await this.#ask({ what: 'programs', known: known?.version });
    if (told?.what === 'programsAsKnown' && known !== undefined) return known.programs;
    if (told?.what !== 'programs') throw unreachable('accounts');
    this.#programs = told;
    return told.programs;
  }

  async newCard({ program, pan, expiry, needsCvv2 }: Parameters<CardDesk['newCard']>[0]): Promise<NewCardReady> {
    const told = await this.#ask({ what: 'newCard', program, pan: pan.reveal(), expiry, needsCvv2 });
    if (told?.what !== 'newCard') throw unreachable('keys');
    return { token: told.token, encryptedPan: told.encryptedPan, cvv2: told.cvv2 === undefined ? undefined : new Secret(told.cvv2) };
  }

  async openPan(sealed: string, boundTo: string): Promise<Pan> {
    const pan = Pan.parse(await this.#text({ what: 'openPan', sealed, boundTo }));
    assert(pan !== undefined, 'a sealed card number is one');
    return pan;
  }

  async cvv2({ program, pan, expiry, generation }: Parameters<CardDesk['cvv2']>[0]): Promise<Secret<string>> {
    return new Secret(await this.#text({ what: 'cvv2', program, pan: pan.reveal(), expiry, generation }));
  }

  async newPin({ program, pan, token, pin, keyIndex }: Parameters<CardDesk['newPin']>[0]): Promise<NewPinReady> {
    const told = await this.#ask({ what: 'newPin', program, pan: pan.reveal(), token, pin: pin.reveal(), keyIndex });
    if (told?.what === 'failed' && told.of === 'input') throw new LifecycleRefused(400, 'PIN_INVALID', 'a PIN has 4 to 12 digits', 'pin');
    if (told?.what !== 'newPin') throw unreachable('keys');
    return { reference: told.reference, sealed: told.sealed };
  }

  async pinBlock({ pan, pin, zoneKey }: Parameters<CardDesk['pinBlock']>[0]): Promise<Secret<string>> {
    return new Secret(await this.#text({ what: 'pinBlock', pan: pan.reveal(), pin: pin.reveal(), zoneKey }));
  }

  async translatePinBlock({ pan, block, fromKey, toKey }: Parameters<CardDesk['translatePinBlock']>[0]): Promise<Secret<string>> {
    return new Secret(await this.#text({ what: 'translatePinBlock', pan: pan.reveal(), block: block.reveal(), fromKey, toKey }));
  }

  async personalise({ pan, pin, ...plastic }: Parameters<CardDesk['personalise']>[0]): Promise<string> {
    return await this.#text({ what: 'personalise', ...plastic, pan: pan.reveal(), pin: pin?.reveal() });
  }

  async sealMessage(message: Uint8Array, boundTo: string): Promise<string> {
    return await this.#text({ what: 'sealMessage', message, boundTo });
  }

  async openMessage(sealed: string, boundTo: string): Promise<Uint8Array> {
    const told = await this.#ask({ what: 'openMessage', sealed, boundTo });
    if (told?.what !== 'bytes') throw unreachable('keys');
    return told.bytes;
  }

  async leftMinor(partner: string): Promise<number> {
    const told = await this.#ask({ what: 'creditLeft', partner });
    if (told?.what !== 'minor') throw unreachable('accounts');
    return told.amountMinor;
  }

  async load(load: Parameters<CreditDesk['load']>[0]): ReturnType<CreditDesk['load']> {
    const told = await this.#ask({ what: 'creditLoad', id: load.id, partner: load.partner, amountMinor: load.amountMinor });
    if (told?.what !== 'loaded') throw unreachable('accounts');
    return told.result;
  }

  async #text(ask: DeskAsk): Promise<string> {
    const told = await this.#ask(ask);
    if (told?.what !== 'text') throw unreachable('keys');
    return told.text;
  }

  /** @returns undefined where no reply came in time */
  async #ask(ask: DeskAsk): Promise<DeskTold | undefined> {
    this.#asked += 1;
    const id = this.#asked;
    const { promise, resolve } = Promise.withResolvers<DeskTold | undefined>();
    this.#waiting.set(id, resolve);
    const late = this.#options.after(answerMs, () => resolve(undefined));
    if (this.#gathered.length === 0) this.#options.atTurnEnd(() => this.#send());
    this.#gathered.push({ id, ask });
    const told = await promise;
    late.cancel();
    this.#waiting.delete(id);
    return told;
  }

  #send(): void {
    const calls = this.#gathered;
    this.#gathered = [];
    this.#programsAsked = undefined;
    this.#options.send(calls);
  }
}

async function read<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch {
    // The store's own events say why.
    throw unreachable('accounts');
  }
}
