/** Whatever an acquirer sends: it is told to an issuer, or refused with a reason; and what is the acquirer's alone does not leave. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draftForwarded, forwardRoute } from '../../src/dialect/forward.ts';
import { adviceContent, draftAdvice } from '../../src/dialect/forward-advice.ts';
import type { Side } from '../../src/dialect/forward-write.ts';
import { readMessage } from '../../src/dialect/read.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { DecodeError, EncodeError } from '../../src/iso8583/errors.ts';
import type { Codec, Message } from '../../src/iso8583/codec.ts';
import type { Field } from '../../src/iso8583/spec.ts';
import { codecOf, shippedNames } from '../iso8583/codecs.ts';
import { dialects, digitOf, purchase } from './stations.ts';

const own = { stan: '917', transmittedAt: '0102030405', localAt: '20260102040506' };

function sideOf(codec: Codec): Side {
  return { dialect: dialects[codec.spec.version], spec: codec.spec };
}

const alphabets: Readonly<Record<string, string>> = { n: '0123456789', z: '0123456789=', b: '0123456789ABCDEF', h: '0123456789ABCDEF', a: 'ABCXYZ', ans: '0129AZ -^.' };

function textOf(field: Field): fc.Arbitrary<string> {
  const max = Math.min(field.max, 60);
  const unit = fc.constantFrom(...(alphabets[field.kind] ?? '019AZ').split(''));
  const scale = field.kind === 'b' ? 2 : 1;
  const min = field.prefix === undefined ? field.max : field.min;
  return fc.array(unit, { minLength: min * scale, maxLength: Math.max(min, max) * scale }).map((units) => units.slice(0, units.length - (units.length % scale)).join(''));
}

describe.each(shippedNames)('any message of %s', (name) => {
  const source = codecOf(name);
  const { version, fields } = source.spec;
  const picked = fc.uniqueArray(fc.constantFrom(...[...fields].filter(([, { kind }]) => kind !== 'x+n').map(([field]) => field)), { maxLength: 20 })
    .chain((numbers) => fc.tuple(...numbers.map((field) => fc.tuple(fc.constant(field), textOf(fields.get(field)!)))));

  it('is told to an issuer of any format, or refused with a field and a sentence', () => {
    let told = 0;
    let unwritable = 0;
    fc.assert(fc.property(fc.constantFrom(...shippedNames), fc.constantFrom('100', '120', '140', '200', '220', '400', '420', '421'), picked, (to, mti, changes) => {
      const target = codecOf(to);
      const draft = new Draft(digitOf(version) + mti);
      for (const [field, text] of Object.entries(purchase[version])) draft.set(Number(field), text!);
      for (const [field, text] of changes) draft.set(field, text);
      let message: Message;
      try {
        message = source.decode(Uint8Array.from(source.encode(draft)));
      } catch (error) {
        if (error instanceof EncodeError || error instanceof DecodeError) return;
        throw error;
      }
      const meaning = readMessage(message, dialects[version], 'shop');
      if (meaning.kind !== 'card') throw new Error(`read as ${meaning.kind}`);
      const out = new Draft('');
      const fault = draftForwarded({ message, meaning }, forwardRoute(sideOf(source), sideOf(target)), own, out);
      if (fault !== undefined) {
        expect(fault.field).toBeGreaterThan(0);
        return;
      }
      for (const field of [52, 53, 64, 96, 128]) expect(out.get(field)).toBe(undefined);
      try {
        const there = readMessage(target.decode(Uint8Array.from(target.encode(out))), dialects[target.spec.version], 'host');
        expect(there).toMatchObject({ kind: 'card', class: meaning.class, function: meaning.function });
        if (meaning.fault === undefined && there.kind === 'card') expect([there.amount, there.actualMinor]).toEqual([meaning.amount, meaning.actualMinor]);
        told += 1;
      } catch (error) {
        if (!(error instanceof EncodeError)) throw error;
        unwritable += 1;
      }
      const content = adviceContent(message, meaning, dialects[version], { approved: undefined, reason: '0000', approvalCode: '', standInReason: 'timeout', replaces: undefined });
      draftAdvice(meaning.class, content, meaning.pan, sideOf(target), own, false, out);
    }), { numRuns: 300 });
    expect(told).toBeGreaterThan(100);
    expect(unwritable).toBeLessThan(told / 4);
  });

  it('leaves its PIN, its keys and its authentication code with the switch, between two of one dialect too', () => {
    for (const to of shippedNames) {
      const target = codecOf(to);
      const field = version === '1987' ? 110 : 111;
      const draft = new Draft(`${digitOf(version)}200`);
      for (const [number, text] of Object.entries(purchase[version])) draft.set(Number(number), text!);
      const block = 'C0FFEE00C0FFEE00';
      draft.set(52, block).set(53, '2001010100000000').set(96, version === '1987' ? block : `${block}${block}`).set(fields.get(128)!.max === 4 ? 128 : 64, 'C0FFEE00'.padEnd(fields.get(64)!.max * 2, '0'));
      draft.set(field, version === '2003' ? `010013DF0110${block}${block}` : `P4032${block}${block}KS020FFFF9876543210E00001`);
      const message = source.decode(Uint8Array.from(source.encode(draft)));
      const meaning = readMessage(message, dialects[version], 'shop');
      if (meaning.kind !== 'card') throw new Error(`read as ${meaning.kind}`);
      const out = new Draft('');
      expect(draftForwarded({ message, meaning }, forwardRoute(sideOf(source), sideOf(target)), own, out)).toBe(undefined);
      const there = target.decode(Uint8Array.from(target.encode(out)));
      for (const each of there.fields()) for (const secret of ['C0FFEE', '9876543210E']) expect(there.text(each), `DE${each} of ${to}`).not.toContain(secret);
    }
  });
});
