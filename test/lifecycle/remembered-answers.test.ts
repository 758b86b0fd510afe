/** Answers under idempotency keys, with two switches on one book: a model of what each call must hear, whoever crashes in between. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Book } from '../../src/book/book.ts';
import { forgetAnswersAbout, forgottenStatus, RememberedAnswers } from '../../src/lifecycle/remembered-answers.ts';
import type { AnswerKey, RememberedAnswer } from '../../src/lifecycle/remembered-answers.ts';
import { bookFixtures } from '../book/books.ts';
import type { BookFixture } from '../book/books.ts';

const digestKey = randomBytes(32);
let keys = 0;

function newKey(): AnswerKey {
  keys += 1;
  return { caller: 'partner:shop', operation: 'pay', key: `key-${keys}` };
}

function answerOf(text: string): RememberedAnswer {
  return { status: 201, headers: { 'content-type': 'application/json' }, body: text, sealedFor: undefined };
}

describe.each(['embedded', 'server'] as const)('on a book of the kind %s', (kind) => {
  let fixture: BookFixture;
  let book: Book;
  beforeAll(async () => {
    fixture = await bookFixtures[kind]();
    book = await fixture.open();
  });
  afterAll(async () => await fixture.remove());

  function switchNamed(holder: string, holdMs = 60_000): RememberedAnswers {
    return new RememberedAnswers({ book, digestKey: async () => await Promise.resolve(digestKey), holder, holdMs });
  }

  test('a key is claimed once, and its answer told to whoever asks, at every switch', async () => {
    const [one, two] = [switchNamed('one'), switchNamed('two')];
    const key = newKey();
    expect(await one.claim(key, 'a')).toEqual({ kind: 'mine' });
    expect(await two.claim(key, 'a')).toMatchObject({ kind: 'underWay', retryAfterS: expect.any(Number) as number });
    expect(await two.claim(key, 'b')).toEqual({ kind: 'conflict' });
    await one.answer(key, answerOf('{"n":1}'));
    for (const each of [one, two]) {
      expect(await each.claim(key, 'a')).toEqual({ kind: 'answered', answer: answerOf('{"n":1}') });
      expect(await each.claim(key, 'b')).toEqual({ kind: 'conflict' });
    }
  });

  test('the same key of another caller, or for another operation, is another key', async () => {
    const memory = switchNamed('one');
    const key = newKey();
    for (const each of [key, { ...key, caller: 'partner:other' }, { ...key, operation: 'refund' }]) expect(await memory.claim(each, 'a')).toEqual({ kind: 'mine' });
  });

  test('who asks while its twin is under way in this process waits for it, and does it where the twin did not', async () => {
    const memory = switchNamed('one');
    const key = newKey();
    await memory.claim(key, 'a');
    const [second, third] = [memory.claim(key, 'a'), memory.claim(key, 'a')];
    memory.release(key);
    const claims = [await Promise.race([second, third])];
    expect(claims).toEqual([{ kind: 'mine' }]);
    await memory.answer(key, answerOf('done'));
    expect((await Promise.all([second, third])).map((claim) => claim.kind).sort()).toEqual(['answered', 'mine']);
  });

  test('what a crash left under way is the same switch\'s at once after its start, and another\'s when its hold is over', async () => {
    const key = newKey();
    await switchNamed('one').claim(key, 'a');
    expect(await switchNamed('two').claim(key, 'a')).toMatchObject({ kind: 'underWay' });
    expect(await switchNamed('one').claim(key, 'a')).toEqual({ kind: 'mine' });
    const other = newKey();
    await switchNamed('one', 0).claim(other, 'a');
    expect(await switchNamed('two').claim(other, 'b')).toEqual({ kind: 'conflict' });
    expect(await switchNamed('two').claim(other, 'a')).toEqual({ kind: 'mine' });
  });

  test('an answer of who lost its claim does not replace the one that was given', async () => {
    const [slow, fast] = [switchNamed('slow', 0), switchNamed('fast')];
    const key = newKey();
    await slow.claim(key, 'a');
    expect(await fast.claim(key, 'a')).toEqual({ kind: 'mine' });
    await fast.answer(key, answerOf('fast'));
    await slow.answer(key, answerOf('slow'));
    expect(await fast.claim(key, 'a')).toEqual({ kind: 'answered', answer: answerOf('fast') });
    expect(await switchNamed('third').claim(key, 'a')).toEqual({ kind: 'answered', answer: answerOf('fast') });
  });

  test('an answer without a body, and a sealed one, are kept as they were', async () => {
    const memory = switchNamed('one');
    for (const answer of [{ status: 204, headers: {}, body: undefined, sealedFor: undefined }, { status: 200, headers: { 'x-more': 'ü' }, body: '{"payload":"a.b.c.d.e"}', sealedFor: 'digest' }]) {
      const key = newKey();
      await memory.claim(key, 'a');
      await memory.answer(key, answer);
      expect(await switchNamed('two').claim(key, 'a')).toEqual({ kind: 'answered', answer });
    }
  });

  test('many at once, at two switches: each key is done once, and all hear the same', async () => {
    const switches = [switchNamed('one'), switchNamed('two')];
    const wanted = Array.from({ length: 40 }, newKey);
    const done = new Map<string, number>();
    const heard = new Map<string, Set<string>>();
    await Promise.all(Array.from({ length: 400 }, async (_, index) => {
      const key = wanted[index % wanted.length]!;
      const memory = switches[index % 3 === 0 ? 1 : 0]!;
      for (;;) {
        const claim = await memory.claim(key, 'a');
        if (claim.kind === 'underWay') {
          await new Promise(setImmediate);
          continue;
        }
        if (claim.kind === 'mine') {
          done.set(key.key, (done.get(key.key) ?? 0) + 1);
          await memory.answer(key, answerOf(`${key.key} of ${index}`));
        }
        const text = claim.kind === 'answered' ? claim.answer.body! : `${key.key} of ${index}`;
        heard.set(key.key, (heard.get(key.key) ?? new Set()).add(text));
        return;
      }
    }));
    expect([...done.values()]).toEqual(wanted.map(() => 1));
    expect([...heard.values()].map((texts) => texts.size)).toEqual(wanted.map(() => 1));
  });

  test('random lives of keys are what a model of them says', async () => {
    const step = fc.record({ key: fc.integer({ min: 0, max: 2 }), digest: fc.constantFrom('a', 'b'), end: fc.constantFrom('answer', 'release', 'crash') });
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      let memory = switchNamed('one');
      const names = [newKey(), newKey(), newKey()];
      const model = new Map<number, { readonly digest: string; readonly text: string | undefined }>();
      for (const [index, { key, digest, end }] of steps.entries()) {
        const claim = await memory.claim(names[key]!, digest);
        const known = model.get(key);
        if (known !== undefined && known.digest !== digest) {
          expect(claim).toEqual({ kind: 'conflict' });
          continue;
        }
        if (known?.text !== undefined) {
          expect(claim).toEqual({ kind: 'answered', answer: answerOf(known.text) });
          continue;
        }
        expect(claim).toEqual({ kind: 'mine' });
        model.set(key, { digest, text: end === 'answer' ? `answer ${index}` : undefined });
        if (end === 'answer') await memory.answer(names[key]!, answerOf(`answer ${index}`));
        if (end === 'release') memory.release(names[key]!);
        if (end === 'crash') memory = switchNamed('one');
      }
    }), { numRuns: 30 });
  });

  test('an answer is forgotten with the user whom it is about, whether its claim named the user or not', async () => {
    const memory = switchNamed('one');
    const [named, told, other] = [newKey(), newKey(), newKey()];
    await memory.claim(named, 'a', 'u_gone');
    await memory.claim(told, 'a');
    await memory.claim(other, 'a', 'u_here');
    for (const [key, about] of [[named, 'u_gone'], [told, 'u_gone'], [other, 'u_here']] as const) await memory.answer(key, { ...answerOf('secret'), about });
    await forgetAnswersAbout(book, 'u_gone');
    for (const key of [named, told]) expect(await switchNamed('two').claim(key, 'a')).toMatchObject({ kind: 'answered', answer: { status: forgottenStatus, body: undefined } });
    expect(await switchNamed('two').claim(other, 'a')).toMatchObject({ kind: 'answered', answer: { body: 'secret' } });
  });

  test('what was asked for long ago is forgotten', async () => {
    const memory = switchNamed('one');
    const key = newKey();
    await memory.claim(key, 'a');
    await memory.answer(key, answerOf('old'));
    await book.query('update remembered_answer set claimed_at = now() - interval \'25 hours\' where key = $1', [key.key]);
    expect(await memory.prune(24)).toBe(1);
    expect(await switchNamed('two').claim(key, 'b')).toEqual({ kind: 'mine' });
  });

  test('digests are made with a key: without it nobody can tell a PIN from its digest', async () => {
    const other = new RememberedAnswers({ book, digestKey: async () => await Promise.resolve(randomBytes(32)), holder: 'one', holdMs: 1 });
    expect(await switchNamed('one').digest('1234')).toBe(await switchNamed('two').digest('1234'));
    expect(await other.digest('1234')).not.toBe(await switchNamed('one').digest('1234'));
  });
});
