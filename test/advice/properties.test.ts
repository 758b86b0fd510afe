/** Any order of writes, answers, faults of the store, jumps of the clock and restarts, against what a peer may see. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AdviceFile, BegunAdvice } from '../../src/advice/advice-file.ts';
import type { SendOutcome } from '../../src/advice/delivery.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import { FaultyStore, type Fault, type FaultKind } from '../fault/faulty-store.ts';
import { accepted, adviceOf, deliver, noAnswer, notSent, openFile, refused, settled, VirtualTime, type Delivered } from './fixture.ts';

type Step =
  | { readonly do: 'write'; readonly card: number; readonly count: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'restart' }
  | { readonly do: 'jump'; readonly hours: number }
  | { readonly do: 'away' | 'back' | 'pause' | 'resume' };

const stepOf: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), card: fc.nat(3), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 50, 400, 3_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('jump' as const), hours: fc.integer({ min: -9_000, max: 9_000 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('away' as const, 'back' as const, 'pause' as const, 'resume' as const) }) },
);

/** `lost`: the answer to it is, and the destination has it. */
type Answer = 'accepted' | 'lost' | 'unseen' | 'refused' | 'notSent';

/** What the destination has seen, and what it may not see. */
class Peer {
  readonly known = new Set<string>();
  readonly order = new Map<string, string[]>();
  readonly #seen = new Set<string>();
  readonly #answers: readonly Answer[];
  /** What may come after later ones of its card. */
  readonly #loose: () => ReadonlySet<string>;
  #next = 0;
  isKind = false;

  constructor(answers: readonly Answer[], loose: () => ReadonlySet<string>) {
    this.#answers = answers;
    this.#loose = loose;
  }

  readonly take = ({ advice: { id, cardKey }, isRepeat, overtaken }: BegunAdvice): SendOutcome => {
    const answer = this.isKind ? 'accepted' : (this.#answers[this.#next++ % this.#answers.length] ?? 'accepted');
    if (answer === 'notSent') return notSent;
    if (answer === 'unseen') return noAnswer;
    if (!isRepeat && this.#seen.has(id)) throw new Error(`${id} came twice as new`);
    this.#seen.add(id);
    if (answer === 'refused') return refused;
    const ofCard = this.order.get(cardKey) ?? [];
    this.order.set(cardKey, ofCard);
    if (!this.known.has(id)) {
      const isLate = ofCard.some((other) => numberOf(other) > numberOf(id));
      if (isLate && !this.#loose().has(id)) throw new Error(`${id} came after a later one of its card, and was never set aside`);
      if (overtaken > 0 && this.#loose().size === 0) throw new Error(`${id} says that it went before others`);
      ofCard.push(id);
    }
    this.known.add(id);
    return answer === 'lost' ? noAnswer : accepted;
  };
}

function numberOf(id: string): number {
  return Number(id.slice(id.indexOf('.') + 1));
}

class World {
  readonly time = new VirtualTime();
  readonly durable = new Set<string>();
  readonly failed = new Set<string>();
  /** What was set aside, or nobody could tell of whether it was written: it was not answered either. */
  readonly loose = new Set<string>();
  readonly peer: Peer;
  readonly #real: MemoryStore;
  readonly #store: FaultyStore;
  readonly #errors: Error[] = [];
  #file: AdviceFile | undefined;
  #delivered: Delivered | undefined;
  #written = 0;
  #isBack = true;
  #hasJumped = false;

  constructor(fault: Fault | undefined, answers: readonly Answer[]) {
    this.#real = new MemoryStore({ partitions: 1, now: this.time.now });
    this.#store = new FaultyStore(this.#real, fault);
    this.peer = new Peer(answers, () => this.loose);
  }

  get faults(): number {
    return this.#store.met;
  }

  async open(): Promise<void> {
    this.#file = undefined;
    while (this.#file === undefined) {
      try {
        this.#file = await openFile(this.#store, this.time);
      } catch {
        // A start that fails is made again, as whoever runs the process does.
        this.#store.heal();
      }
    }
    const take = (begun: BegunAdvice): SendOutcome => {
      try {
        return this.peer.take(begun);
      } catch (error) {
        this.#errors.push(error as Error);
        return accepted;
      }
    };
    this.#delivered = deliver(this.#file, this.time, { inFlightMax: 3, events: {
      sent: () => undefined, answered: () => undefined, setAside: ({ id }) => this.loose.add(id),
    } }, take);
    if (this.#isBack) this.#delivered.delivery.usable();
  }

  async step(step: Step): Promise<void> {
    const delivery = this.#delivered?.delivery;
    if (step.do === 'write') for (let index = 0; index < step.count; index += 1) this.#write(`c${step.card}`);
    else if (step.do === 'pass') await this.time.pass(step.ms, 3);
    else if (step.do === 'jump') {
      this.time.jumpMs = step.hours * 3_600_000;
      this.#hasJumped = true;
    }
    else if (step.do === 'pause') delivery?.pause('operator');
    else if (step.do === 'resume') delivery?.resume('operator');
    else if (step.do === 'restart') await this.restart();
    else if (step.do === 'away') {
      this.#isBack = false;
      delivery?.unusable();
    } else {
      this.#isBack = true;
      delivery?.usable();
    }
  }

  /** The process ends where it stands: nothing of it is waited for. */
  async restart(): Promise<void> {
    this.#file?.close();
    void this.#delivered?.delivery.stop();
    await settled(2);
    // What was set aside on disk is so, whether the one who set it aside heard of it or not.
    await this.open();
    for (const { id } of this.#file?.setAside('host') ?? []) this.loose.add(id);
  }

  async finish(): Promise<void> {
    this.#store.heal();
    this.peer.isKind = true;
    this.#isBack = true;
    await this.time.pass(10_000, 3);
    await this.restart();
    for (const { id } of this.#file?.setAside('host') ?? []) await this.#file?.replay(id);
    await this.time.pass(60_000, 3);
    if (this.#errors.length > 0) throw this.#errors[0];
    expect([...this.durable].filter((id) => !this.peer.known.has(id))).toEqual([]);
    expect([...this.failed].filter((id) => this.peer.known.has(id))).toEqual([]);
    expect(this.#file?.backlog('host')).toEqual({ count: 0, oldestAtMs: undefined });
    await this.restart();
    expect(this.#file?.backlog('host').count).toBe(0);
    // A clock that jumped makes the archive forget too early, and nothing else.
    if (!this.#hasJumped) for (const id of this.durable) expect((await this.#file?.find(id))?.end?.how).toBe('accepted');
  }

  #write(card: string): void {
    this.#written += 1;
    const id = `${card}.${this.#written}`;
    void this.#file?.write(adviceOf(id, card)).then((outcome) => {
      if (outcome === 'durable') this.durable.add(id);
      if (outcome === 'failed') this.failed.add(id);
      if (outcome === 'unknown') this.loose.add(id);
      return outcome;
    });
  }
}

const answerOf = fc.constantFrom<Answer>('accepted', 'accepted', 'accepted', 'lost', 'unseen', 'refused', 'notSent');

describe('whatever happens', () => {
  it('what was durable is known to the destination once, in its card’s order, and never twice as new', async () => {
    const faultOf = fc.option(fc.record({
      nth: fc.integer({ min: 1, max: 30 }), kind: fc.constantFrom<FaultKind>('before', 'after', 'lost'), persistent: fc.boolean(), on: fc.constantFrom('commits' as const, 'all' as const),
    }), { nil: undefined });
    await fc.assert(fc.asyncProperty(fc.array(stepOf, { minLength: 3, maxLength: 25 }), faultOf, fc.array(answerOf, { minLength: 1, maxLength: 9 }), async (steps, fault, answers) => {
      const world = new World(fault, answers);
      await world.open();
      for (const step of steps) await world.step(step);
      await world.finish();
    }), { numRuns: 100 });
  });

  const script: readonly Step[] = [
    { do: 'write', card: 1, count: 2 }, { do: 'pass', ms: 1 }, { do: 'write', card: 2, count: 2 }, { do: 'pass', ms: 50 }, { do: 'write', card: 1, count: 1 },
    { do: 'pass', ms: 400 }, { do: 'restart' }, { do: 'pass', ms: 3_000 },
  ];

  for (const [kind, what] of [['before', 'before it is made'], ['after', 'with its answer lost'], ['lost', 'lost itself']] as const) {
    for (const persistent of [false, true]) {
      it(`with each call to the store failing in turn, ${what}${persistent ? ', and all after it' : ''}, nothing is lost`, async () => {
        for (let nth = 1, met = 1; met > 0; nth += 1) {
          const world = new World({ nth, kind, persistent, on: 'all' }, ['accepted', 'lost', 'refused']);
          await world.open();
          for (const step of script) await world.step(step);
          met = world.faults;
          await world.finish();
          if (nth > 200) throw new Error('the loop has no end');
        }
      });
    }
  }
});
