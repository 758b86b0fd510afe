/**
 * The switch's side of the services' ports: has accounts decide, says what the programs are, and does what card cryptography is asked for.
 *
 * Refuses nothing itself; what an account or the keys refuse, it says. Invariants: a card's number is wrapped before anything else is done
 * with it; a card's token leads to its account before the account has the card.
 */
import type { AskedBy } from '../account/card-lifecycle.ts';
import type { LifecycleMessage } from '../account/lifecycle.ts';
import { assert } from '../base/assert.ts';
import type { GuardRoom } from '../issuer/guard-room.ts';
import type { Ledger, LedgerAnswer } from '../issuer/ledger.ts';
import type { ControlsTold } from '../issuer/own-controls.ts';
import type { Hsm, Order, Product } from '../keys/hsm.ts';
import type { PinSealOrder } from '../keys/hsm-pin.ts';
import type { DeskAsk, DeskCall, DeskReply, DeskTold } from '../lifecycle/desk-wire.ts';
import type { AppliedOutcome, LockListed, OrderedLock, ProgramFacts } from '../lifecycle/ports.ts';
import { Pan } from '../message/pan.ts';
import { Secret } from '../message/secret.ts';
import type { Outcome } from '../store/decide.ts';
import type { Store } from '../store/store.ts';
import type { ProgramRow, Tables } from '../tables/rows.ts';
import { isOwnIssuer } from '../tables/tables.ts';
import { personalised } from './desk-personalisation.ts';
import type { NotReached } from './operator-peers.ts';

export interface DeskCallsOptions {
  readonly ledger: Pick<Ledger, 'submit' | 'lastKnown'>;
  readonly store: Pick<Store, 'enterAccount'>;
  readonly hsm: Hsm;
  readonly guards: Pick<GuardRoom, 'guardTotal' | 'loadGuard'>;
  /** As the switch runs on them now. */
  readonly tables: () => Pick<Tables, 'programs' | 'ranges' | 'issuers'>;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  /** Tells all who may stand in for a card's account that it has this lock code now (0: none). @returns whom that did not reach in time */
  readonly tellLock?: (token: string, lockCode: number, by: AskedBy) => Promise<readonly NotReached[]>;
  /** Takes a lock in the place of an account that cannot be reached. */
  readonly orderLock?: (order: OrderedLock) => Promise<LockListed>;
  /** Does something wait for the account that was answered in its place here? */
  readonly isBehind?: (accountId: string) => boolean;
  /** The same of what is closed on a card. */
  readonly tellControls?: (told: ControlsTold) => Promise<readonly NotReached[]>;
}

/** How long an account may take: less than whoever asks waits. */
const accountMs = 5_000;

const keysFailed: DeskTold = { what: 'failed', of: 'keys' };
const inputFailed: DeskTold = { what: 'failed', of: 'input' };

export class DeskCalls {
  readonly #options: DeskCallsOptions;
  /** The programs as they were told last, of which tables. */
  #told: { readonly of: unknown; readonly version: number; readonly programs: readonly ProgramFacts[] } | undefined;

  constructor(options: DeskCallsOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async answer(ask: DeskAsk): Promise<DeskTold> {
    try {
      return await this.#answer(ask);
    } catch {
      // The store or the keys are away; both have events of their own that say why.
      return { what: 'failed', of: ask.what === 'apply' || ask.what === 'orderLock' || ask.what === 'creditLeft' || ask.what === 'creditLoad' ? 'accounts' : 'keys' };
    }
  }

  async #answer(ask: DeskAsk): Promise<DeskTold> {
    const { hsm, guards } = this.#options;
    switch (ask.what) {
      case 'apply': return { what: 'applied', outcome: await this.#apply(ask.message) };
      case 'orderLock': return { what: 'lockListed', listed: (await this.#options.orderLock?.(ask.order)) ?? { kind: 'unreachable' } };
      case 'programs': return this.#programs(ask.known);
      case 'newCard': return await this.#newCard(ask);
      case 'openPan': {
        const opened = hsm.decryptPan(ask.sealed, ask.boundTo);
        return 'error' in opened ? keysFailed : text(opened.pan.reveal());
      }
      case 'sealMessage': return text(hsm.sealMessage(ask.message, ask.boundTo));
      case 'openMessage': {
        const opened = hsm.openMessage(ask.sealed, ask.boundTo);
        return 'error' in opened ? keysFailed : { what: 'bytes', bytes: opened.message };
      }
      case 'cvv2': return await this.#cvv2(ask);
      case 'newPin': return await this.#newPin(ask);
      case 'pinBlock': return await this.#produced({ kind: 'pinBlock', clear: new Secret(ask.pin), format: 0, key: { zone: { name: ask.zoneKey } }, pan: panOf(ask.pan) });
      case 'translatePinBlock': {
        const pan = panOf(ask.pan);
        return await this.#produced({
          kind: 'pinTranslation', from: { block: new Secret(ask.block), format: 0, key: { zone: { name: ask.fromKey } }, pan },
          to: { key: { zone: { name: ask.toKey } }, format: 0 },
        });
      }
      case 'personalise': {
        const row = this.#program(ask.program);
        const sealed = row === undefined ? undefined : await personalised(hsm, row, ask, panOf(ask.pan));
        return sealed === undefined ? keysFailed : text(sealed);
      }
      case 'creditLeft': return { what: 'minor', amountMinor: await guards.guardTotal(ask.partner) };
      case 'creditLoad': return { what: 'loaded', result: await guards.loadGuard({ id: ask.id, partner: ask.partner, amountMinor: ask.amountMinor }) };
    }
  }

  async #apply(message: LifecycleMessage): Promise<AppliedOutcome> {
    // What stand-in has given away is still on the account: it is not given a second time.
    if (takesMoney(message) && this.#options.isBehind?.(message.accountId) === true) return { kind: 'unreachable' };
    const token = addedToken(message);
    if (token !== undefined && (await this.#options.store.enterAccount(token, message.accountId)) !== message.accountId) {
      return { kind: 'applied', reason: '9113', isRepeat: false };
    }
    const { promise, resolve } = Promise.withResolvers<Outcome<LedgerAnswer>>();
    this.#options.ledger.submit(message.accountId, '', message, this.#options.elapsed() + accountMs, resolve);
    const outcome = await promise;
    if (outcome.kind !== 'decided') return { kind: 'unreachable' };
    assert(outcome.answer.kind === 'answer', 'a lifecycle message has nothing to be verified against');
    const { response, note } = outcome.answer;
    const notReached = response.reason === '0000' ? await this.#tell(message, note === 'repeat') : [];
    return { kind: 'applied', reason: response.reason, isRepeat: note === 'repeat', ...(notReached.length === 0 ? {} : { notReached: notReached.map((one) => one.switch) }) };
  }

  /** A call is acknowledged when nobody who can be reached approves against it any more. @returns who could not be */
  async #tell(message: LifecycleMessage, isRepeat: boolean): Promise<readonly NotReached[]> {
    if (isOfControls(message)) return await this.#tellControls(message);
    return isOfLock(message) ? await this.#tellLock(message, isRepeat) : [];
  }

  async #tellControls({ accountId, cardToken: token }: ControlsMessage): Promise<readonly NotReached[]> {
    const account = this.#options.ledger.lastKnown(accountId)?.account;
    const card = account?.cards.find(({ record }) => record.token === token);
    if (account === undefined || card === undefined) return [];
    return (await this.#options.tellControls?.({ token, version: account.version, controls: card.record.controls })) ?? [];
  }

  async #tellLock(message: LockMessage, isRepeat: boolean): Promise<readonly NotReached[]> {
    const { accountId, cardToken } = message;
    const record = this.#options.ledger.lastKnown(accountId)?.account?.cards.find((card) => card.record.token === cardToken)?.record;
    const lockCode = record === undefined ? lockAskedBy(message) : record.state === 'removed' ? removedLock : record.lockCode;
    // Whoever did it before may have ended before it told; what is open again by now is told by whoever opened it.
    if (isRepeat && lockCode === 0) return [];
    const by = message.kind === 'cardLock' ? (message.by ?? 'system') : 'system';
    return (await this.#options.tellLock?.(cardToken, lockCode, by)) ?? [];
  }

  /** @param known the version that whoever asks has: those are not told again */
  #programs(known: number | undefined): DeskTold {
    const tables = this.#options.tables();
    if (this.#told?.of !== tables) this.#told = { of: tables, version: (this.#told?.version ?? 0) + 1, programs: programFacts(tables) };
    const { version, programs } = this.#told;
    return known === version ? { what: 'programsAsKnown' } : { what: 'programs', version, programs };
  }

  async #newCard({ program, pan: digits, expiry, needsCvv2 }: Extract<DeskAsk, { what: 'newCard' }>): Promise<DeskTold> {
    const { hsm } = this.#options;
    const pan = panOf(digits);
    const token = hsm.cardToken(pan);
    const made = needsCvv2 ? await this.#cvv2({ what: 'cvv2', program, pan: digits, expiry, generation: 0 }) : undefined;
    if (made?.what === 'failed') return made;
    return { what: 'newCard', token, encryptedPan: hsm.encryptPan(pan, token), cvv2: made?.what === 'text' ? made.text : undefined };
  }

  #program(name: string): ProgramRow | undefined {
    return this.#options.tables().programs.find((program) => program.name === name);
  }

  async #cvv2({ program, pan: digits, expiry, generation }: Extract<DeskAsk, { what: 'cvv2' }>): Promise<DeskTold> {
    const rules = this.#program(program);
    if (rules === undefined) return keysFailed;
    return await this.#produced({ kind: 'cvv2', key: { name: rules.cvk }, pan: panOf(digits), expiry, expiryOrder: rules.cvv2ExpiryOrder, generation });
  }

  async #newPin({ program, pan: digits, token, pin: clear, keyIndex: before }: Extract<DeskAsk, { what: 'newPin' }>): Promise<DeskTold> {
    if (!/^[0-9]{4,12}$/.test(clear)) return inputFailed;
    const row = this.#program(program);
    const rules = row?.pin;
    const keyIndex = before ?? rules?.pvks.keys().next().value;
    const pvk = keyIndex === undefined ? undefined : rules?.pvks.get(keyIndex);
    if (row === undefined || rules === undefined || keyIndex === undefined || pvk === undefined) return keysFailed;
    const pin = { clear: new Secret(clear), pan: panOf(digits) };
    const orders: Order[] = [{ kind: 'pinReference', pin, key: { name: pvk }, keyIndex, rules: rules.rules }];
    if (row.chip !== undefined) orders.push({ kind: 'pinSeal', pin, boundTo: token } satisfies PinSealOrder);
    const [reference, seal] = await this.#options.hsm.produce(orders);
    if (reference === undefined || 'error' in reference) return failedFor(reference);
    if (seal !== undefined && 'error' in seal) return failedFor(seal);
    return { what: 'newPin', reference: { method: rules.rules.method, keyIndex, value: reference.value.reveal() }, sealed: seal?.value.reveal() };
  }

  async #produced(order: Order): Promise<DeskTold> {
    const [product] = await this.#options.hsm.produce([order]);
    return product === undefined || 'error' in product ? failedFor(product) : text(product.value.reveal());
  }
}

/** Questions that came together, and replies that leave together: one message of the channel for each turn. */
export class DeskDoor {
  readonly #calls: Pick<DeskCalls, 'answer'>;
  readonly #send: (replies: readonly DeskReply[]) => void;
  #replies: DeskReply[] = [];

  constructor(calls: Pick<DeskCalls, 'answer'>, send: (replies: readonly DeskReply[]) => void) {
    this.#calls = calls;
    this.#send = send;
  }

  take(calls: readonly DeskCall[]): void {
    for (const { id, ask } of calls) void this.#calls.answer(ask).then((told) => this.#tell({ id, told }));
  }

  #tell(reply: DeskReply): void {
    if (this.#replies.length === 0) {
      setImmediate(() => {
        const replies = this.#replies;
        this.#replies = [];
        this.#send(replies);
      });
    }
    this.#replies.push(reply);
  }
}

/** What the services may know of the programs. */
export function programFacts({ programs, ranges, issuers }: Pick<Tables, 'programs' | 'ranges' | 'issuers'>): ProgramFacts[] {
  return programs.map(({ name, partner, issuer, currency, timeZone, cards, pin, chip, creditGuard, creditCurrency, limits, merchantGroups }) => ({
    name, partner, isOwn: isOwnIssuer(issuers, issuer), currency, timeZone, cards, creditGuard, creditCurrency: creditCurrency ?? currency, limits,
    ranges: ranges.filter(({ program }) => program === name).map(({ from, to }) => ({ from, to })),
    hasPin: pin !== undefined, hasChip: chip !== undefined, merchantGroups: Object.keys(merchantGroups),
  }));
}

const replacedLock = 8;
/** What a card that was removed is listed with: it is answered as one that is inactive is (C8), and stays so. */
const removedLock = 5;

type ControlsMessage = Extract<LifecycleMessage, { readonly kind: 'controlsSet' | 'cardPause' }>;
type LockMessage = Extract<LifecycleMessage, { readonly kind: 'cardLock' | 'cardUnlock' | 'cardReplace' | 'cardRemove' }>;

function isOfControls(message: LifecycleMessage): message is ControlsMessage {
  return message.kind === 'controlsSet' || message.kind === 'cardPause';
}

function isOfLock(message: LifecycleMessage): message is LockMessage {
  return message.kind === 'cardLock' || message.kind === 'cardUnlock' || message.kind === 'cardReplace' || message.kind === 'cardRemove';
}

function lockAskedBy(message: LockMessage): number {
  switch (message.kind) {
    case 'cardLock': return message.lockCode;
    case 'cardUnlock': return 0;
    case 'cardReplace': return replacedLock;
    case 'cardRemove': return removedLock;
  }
}

/** By the word of the account: what it has, it gives, or says that there is nothing. */
function takesMoney(message: LifecycleMessage): boolean {
  return message.kind === 'transferOut' || message.kind === 'close' || (message.kind === 'load' && message.amountMinor < 0);
}

/** Only a message that adds a card carries its number. */
function addedToken(message: LifecycleMessage): string | undefined {
  return (message.kind === 'cardChange' || message.kind === 'cardReplace') && message.encryptedPan !== undefined ? message.card.token : undefined;
}

function text(value: string): DeskTold {
  return { what: 'text', text: value };
}

function failedFor(product: Product | undefined): DeskTold {
  return product !== undefined && 'error' in product && product.error.code === 'malformed' ? inputFailed : keysFailed;
}

function panOf(digits: string): Pan {
  const pan = Pan.parse(digits);
  assert(pan !== undefined, 'a card number that crosses is one');
  return pan;
}
