/**
 * What is left of a balance that a host pushes, against a host that knows only what has reached it: requests and answers cross, advices come
 * late, balances are pushed in between and arrive later still.
 */
import fc from 'fast-check';
import { strictEqual, ok } from 'node:assert/strict';
import { expect, test } from 'vitest';
import { decodeKnown, encodeKnown } from '../../src/issuer/stand-in-known.ts';
import { addPending } from '../../src/standin/exposure.ts';
import { afterAdvice, afterHeard, afterHost, afterReversal, afterStandIn, leftOf, newShadow, withBalance } from '../../src/standin/shadow.ts';
import type { Shadow } from '../../src/standin/shadow.ts';

const seed = Number(process.env['LOCUM_SEED'] ?? 20_261_123);

interface Sent {
  readonly id: string;
  readonly amountMinor: number;
  readonly after: number;
}

interface Pushed {
  readonly availableMinor: number;
  readonly through: string;
  readonly asOfMs: number;
}

const wholeMinor = 1_000_000;

class World {
  shadow: Shadow = newShadow;
  /** Of what the switch knows to be approved. */
  approvedMinor = 0;
  readonly #requests: Sent[] = [];
  readonly #answers: Sent[] = [];
  /** Of stand-in's and acquirers' approvals, in their order; the first may be out. */
  readonly #advices: { readonly id: string; readonly amountMinor: number }[] = [];
  #isTaken = false;
  readonly #pushed: Pushed[] = [];
  #hostMinor = wholeMinor;
  #last = '';
  #count = 0;
  #nowMs = 0;

  /** The request goes out; nothing of it is known yet. */
  ask(amountMinor: number): void {
    this.#requests.push({ id: this.#newId(), amountMinor, after: this.shadow.knownCount });
  }

  decides(which: number): void {
    const [request] = this.#requests.splice(which % Math.max(1, this.#requests.length), 1);
    if (request === undefined) return;
    this.#takes(request.id, request.amountMinor);
    this.#answers.push(request);
  }

  answers(which: number): void {
    const [answer] = this.#answers.splice(which % Math.max(1, this.#answers.length), 1);
    if (answer === undefined) return;
    this.approvedMinor += answer.amountMinor;
    this.shadow = afterHost(this.shadow, answer.id, `name-${answer.id}`, answer.amountMinor, answer.after);
  }

  standsIn(amountMinor: number, isAdvice: boolean): void {
    const id = this.#newId();
    this.approvedMinor += amountMinor;
    this.shadow = isAdvice ? afterAdvice(this.shadow, id, `name-${id}`, amountMinor) : afterStandIn(this.shadow, addPending(this.shadow.later, id, amountMinor), id, `name-${id}`);
    this.#advices.push({ id, amountMinor });
  }

  /** The advice that is out comes to the host; then its acknowledgement comes back. */
  tells(): void {
    const [advice] = this.#advices;
    if (advice === undefined) return;
    if (!this.#isTaken) this.#takes(advice.id, advice.amountMinor);
    else {
      this.#advices.shift();
      this.shadow = afterHeard(this.shadow, advice.id);
    }
    this.#isTaken = !this.#isTaken;
  }

  pushes(): void {
    this.#pushed.push({ availableMinor: this.#hostMinor, through: this.#last, asOfMs: (this.#nowMs += 1) });
  }

  /** Of those on their way, one; an older one than is known changes nothing. */
  arrives(which: number): void {
    const [pushed] = this.#pushed.splice(which % Math.max(1, this.#pushed.length), 1);
    if (pushed !== undefined) this.shadow = withBalance(this.shadow, { availableMinor: pushed.availableMinor, currency: '978', asOfMs: pushed.asOfMs }, pushed.through) ?? this.shadow;
  }

  /** Everything comes to its end, and one after another of the host's own approvals with its balance. */
  settles(): void {
    while (this.#requests.length > 0) this.decides(0);
    while (this.#answers.length > 0) this.answers(0);
    while (this.#advices.length > 0) this.tells();
    while (this.#pushed.length > 0) this.arrives(0);
    this.ask(1);
    this.decides(0);
    this.answers(0);
    this.pushes();
    this.arrives(0);
  }

  #takes(id: string, amountMinor: number): void {
    this.#hostMinor -= amountMinor;
    this.#last = `name-${id}`;
  }

  #newId(): string {
    return `m${(this.#count += 1)}`;
  }
}

const step = fc.record({ what: fc.constantFrom('ask', 'ask', 'decides', 'decides', 'answers', 'answers', 'standIn', 'advice', 'tells', 'tells', 'pushes', 'arrives'), amount: fc.integer({ min: 1, max: 50 }), which: fc.nat({ max: 5 }) });

function play(world: World, { what, amount, which }: { readonly what: string; readonly amount: number; readonly which: number }): void {
  switch (what) {
    case 'ask': return world.ask(amount);
    case 'decides': return world.decides(which);
    case 'answers': return world.answers(which);
    case 'standIn': return world.standsIn(amount, false);
    case 'advice': return world.standsIn(amount, true);
    case 'tells': return world.tells();
    case 'pushes': return world.pushes();
    default: return world.arrives(which);
  }
}

test('whatever crosses on its way, no more is left than there is, and all of it once everything has come to its end', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
    const world = new World();
    for (const each of steps) {
      play(world, each);
      const left = leftOf(world.shadow);
      ok(left === undefined || left <= wholeMinor - world.approvedMinor);
      world.shadow = decodeKnown(encodeKnown({ terms: undefined, shadow: world.shadow })).shadow!;
    }
    world.settles();
    strictEqual(leftOf(world.shadow), wholeMinor - world.approvedMinor);
  }), { seed, numRuns: 2_000 });
});

test('however much the host is still to hear of, none of it is forgotten, and all of it is in the balance in the end', () => {
  const world = new World();
  for (let n = 0; n < 400; n += 1) {
    world.standsIn(10, n % 2 === 0);
    world.ask(10);
    world.decides(0);
    world.answers(0);
    world.pushes();
    world.arrives(0);
    expect(leftOf(world.shadow)).toBeLessThanOrEqual(wholeMinor - world.approvedMinor);
  }
  expect(encodeKnown({ terms: undefined, shadow: world.shadow }).length).toBeLessThan(20_000);
  world.settles();
  expect(leftOf(world.shadow)).toBe(wholeMinor - world.approvedMinor);
});

test('what is reversed comes back at once where the balance does not have it, and otherwise with the next one', () => {
  const balance = { availableMinor: 1_000, currency: '978', asOfMs: 1 };
  const one = afterHost({ ...newShadow, balance }, 'a', 'name-a', 300, 0);
  const two = afterStandIn(one, addPending(one.later, 'b', 200), 'b', 'name-b');
  expect(leftOf(afterReversal(two, 'a'))).toBe(800);
  expect(leftOf(afterReversal(two, 'b'))).toBe(700);
  const through = withBalance(two, { ...balance, availableMinor: 700, asOfMs: 2 }, 'name-a')!;
  expect([leftOf(through), leftOf(afterReversal(through, 'a'))]).toEqual([500, 500]);
});

test('what was written before places were known is read as it was meant', () => {
  const known = decodeKnown('[0,[{"availableMinor":100,"currency":"978","asOfMs":1},"[2,0,0,0,0,60,0,\\"a\\",10,\\"b\\",20,\\"c\\",30]",[["a","A"],["b","B"],["c","C"]]]]');
  const through = withBalance(known.shadow!, { availableMinor: 100, currency: '978', asOfMs: 2 }, 'B')!;
  expect([leftOf(known.shadow!), leftOf(through)]).toEqual([40, 70]);
});
