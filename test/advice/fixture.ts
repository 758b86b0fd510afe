import { AdviceFile, type AdviceFileOptions, type BegunAdvice } from '../../src/advice/advice-file.ts';
import type { Advice, DecisionContent } from '../../src/advice/advice.ts';
import { Delivery, type DeliveryOptions, type SendOutcome } from '../../src/advice/delivery.ts';
import { Deadlines } from '../../src/base/deadlines.ts';
import type { Store } from '../../src/store/store.ts';

export const startMs = 1_800_000_000_000;

export const content: DecisionContent = {
  what: 'decision', own: { stan: '000001', transmittedAt: '1122101500' }, messageId: 'm1', function: 'request',
  trace: { station: 'pos', acquirer: '476100', class: 'authorization', function: 'request', stan: '17', transmittedAt: '1122133700', localAt: '261122133700', terminal: 'T1' },
  rrn: '632613000017', purpose: 'purchase', processingCode: '000000', amount: { amountMinor: 1_250, currency: '978' }, billing: undefined,
  approved: undefined, actualMinor: undefined, reason: '0000', approvalCode: 'A1B2C3', standInReason: 'timedOut', expiry: '3112', panSequence: '01',
  entryMode: 'chip', pointOfService: '051', condition: '00', cardPresent: true,
  merchant: { category: '5411', id: 'M1', name: 'Corner, "shop" | 1', country: '276' }, wrongPins: 0, pinVerified: true,
  original: { class: 'authorization', function: 'request', stan: '16', transmittedAt: '1122133000', localAt: '', acquirer: '' },
  replaces: { class: 'authorization', stan: '901', transmittedAt: '1122133701', localAt: '', acquirer: '476100' }, receivedAtMs: startMs, decidedAtMs: startMs + 3,
};

/** An advice `id` of a card, for the issuer `host` where no other is named. */
export function adviceOf(id: string, cardKey = 'card-1', more: Partial<Advice> = {}): Advice {
  return { id, destination: 'host', cardKey, kind: 'authorization', createdAtMs: startMs, sealedPan: 'sealed:4QhX', content: { ...content, messageId: id }, ...more };
}

/** Lets everything happen that does not wait for a time or a disk. */
export async function settled(turns = 8): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Time that passes only when it is told to. */
export class VirtualTime {
  elapsedMs = 0;
  /** How far the wall clock has been moved. */
  jumpMs = 0;
  readonly deadlines: Deadlines;
  #timers: { readonly atMs: number; readonly run: () => void }[] = [];

  constructor() {
    this.deadlines = new Deadlines(() => this.elapsedMs, (run, delayMs) => {
      const timer = { atMs: this.elapsedMs + delayMs, run };
      this.#timers.push(timer);
      return () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      };
    }, 1);
  }

  readonly now = (): number => startMs + this.jumpMs + this.elapsedMs;

  async pass(ms: number, turns?: number): Promise<void> {
    const untilMs = this.elapsedMs + ms;
    await settled(turns);
    for (;;) {
      const next = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.elapsedMs = Math.max(this.elapsedMs, next.atMs);
      next.run();
      await settled(turns);
    }
    this.elapsedMs = untilMs;
  }
}

export async function openFile(store: Store, time: VirtualTime, more: Partial<AdviceFileOptions> = {}): Promise<AdviceFile> {
  return await AdviceFile.open({
    store, now: time.now, atTurnEnd: setImmediate, deadlines: time.deadlines, events: { trouble: () => undefined }, ...more,
  });
}

/** Takes out everything that may go now. */
export function takeAll(file: AdviceFile, destination = 'host'): string[] {
  const ids: string[] = [];
  for (let queued = file.next(destination); queued !== undefined; queued = file.next(destination)) ids.push(queued.id);
  return ids;
}

export interface Sent {
  readonly id: string;
  readonly isRepeat: boolean;
  readonly overtaken: number;
  readonly atMs: number;
}

export interface Delivered {
  readonly delivery: Delivery;
  readonly sent: readonly Sent[];
  readonly ids: () => string[];
  readonly asides: readonly string[];
  /** Answers what is out, the oldest first; with an id, that one. */
  readonly answer: (outcome: SendOutcome, id?: string) => Promise<void>;
}

/** A delivery whose destination answers by `answer`, or at once by `answers`. */
export function deliver(
  file: AdviceFile, time: VirtualTime, more: Partial<DeliveryOptions> = {}, answers?: (begun: BegunAdvice) => SendOutcome | undefined,
): Delivered {
  const sent: Sent[] = [];
  const asides: string[] = [];
  const out: { readonly id: string; readonly resolve: (outcome: SendOutcome) => void }[] = [];
  const delivery = new Delivery({
    file, destination: 'host', deadlines: time.deadlines, now: time.now, random: () => 0, begins: 'usable', inFlightMax: 4, perSecond: 10_000,
    retryFirstMs: 100, retryMaxMs: 1_600, refusalsMax: 3, ignoredMax: 3,
    events: {
      sent: () => undefined, answered: () => undefined, setAside: ({ id }) => asides.push(id),
    },
    send: (begun) => {
      const { advice: { id }, isRepeat, overtaken } = begun;
      sent.push({ id, isRepeat, overtaken, atMs: time.elapsedMs });
      const answer = answers?.(begun);
      if (answer !== undefined) return Promise.resolve(answer);
      return new Promise((resolve) => out.push({ id, resolve }));
    },
    ...more,
  });
  return {
    delivery, sent, asides, ids: () => sent.map(({ id }) => id),
    async answer(outcome, id) {
      const at = id === undefined ? 0 : out.findIndex((waiting) => waiting.id === id);
      const [waiting] = out.splice(at, 1);
      if (waiting === undefined) throw new Error(`nothing is out${id === undefined ? '' : ` of ${id}`}`);
      waiting.resolve(outcome);
      await settled();
    },
  };
}

export const accepted: SendOutcome = { kind: 'accepted' };
export const refused: SendOutcome = { kind: 'refused', why: 'code 30' };
export const noAnswer: SendOutcome = { kind: 'noAnswer' };
export const notSent: SendOutcome = { kind: 'notSent' };
