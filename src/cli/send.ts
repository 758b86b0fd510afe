/** `locum send`: an acquirer in one line. */
import { UsageError } from './command.ts';
import type { Command, Given, Outside } from './command.ts';
import { configOf } from './configured.ts';
import { chipAnswerOf, jsonOf, printExchange } from './send-answer.ts';
import type { Answered } from './send-answer.ts';
import { TestKeys } from './send-card.ts';
import { Acquirer } from './send-client.ts';
import type { Exchange } from './send-client.ts';
import { draftOf, kinds } from './send-draft.ts';
import type { Wish } from './send-draft.ts';
import { MessageCodes } from './send-mac.ts';
import { sendExamples, sendOptions } from './send-options.ts';
import { noPresentation, presentationOf } from './send-presented.ts';
import type { Presentation } from './send-presented.ts';
import { destination } from './send-target.ts';
import type { Destination } from './send-target.ts';
import { isOfCard, wishOf } from './send-wish.ts';

export const sendCommand: Command = {
  name: 'send',
  summary: 'Sends one message as an acquirer would, and prints it and its answer field by field, masked',
  operands: `<${kinds.join(' | ')}>`,
  about: [
    'The message is built for the station\'s edition of ISO 8583: purchase, cash, refund, balance, verify, pinchange, preauth and increment are requests for authorization (x100), completion is a financial advice (x220), reversal an x400, advice an x120, fileaction what the station\'s dialect names first (0302, x304); --mti takes another type. raw has the fields of --field alone.',
    'The line that begins with "original:" is what --original takes in a later reversal, increment or completion.',
    'Tracks, CVV2, PIN blocks, cryptograms and the like are made for the demo\'s cards, and for any card whose program\'s keys are in the configuration\'s key file. Each can be made wrong: another --cvv2, --pin or --cavv, a --forged-tag, --field 64=0000000000000000, an --atc that was used. What was done with which key is in the key file\'s access log.',
    'The exit code is 0 where there was an answer, a decline as well as an approval, and 1 where there was none.',
  ],
  options: sendOptions,
  examples: sendExamples,
  async run(given, outside) {
    const config = configOf(given, outside);
    const timeoutMs = given.whole('timeout', 1, 9_999_999) ?? 10_000;
    const to = destination(given, outside, config);
    let opened: TestKeys | undefined;
    const keys = (): TestKeys => (opened ??= new TestKeys(config, outside));
    try {
      const asked = wishOf(given, outside, to.dialect);
      const presentation = isOfCard(asked.kind) ? await presentationOf(asked, given, outside, config, to, keys) : noPresentation;
      await exchangeAll({ ...asked, presented: presentation.presented }, presentation, codesOf(to, given.has('mac'), keys), to, timeoutMs, given, outside);
    } finally {
      opened?.close();
    }
    return 0;
  },
};

async function exchangeAll(
  wish: Wish, presentation: Presentation, codes: MessageCodes | undefined, { target, dialect, signOn }: Destination, timeoutMs: number, given: Given,
  outside: Outside,
): Promise<void> {
  const draft = draftOf(wish, dialect, target.codec.spec);
  // A code that was given is sent as it is.
  const ownCodes = wish.fields.has(64) || wish.fields.has(128) ? undefined : codes;
  const json = given.has('json');
  const acquirer = await Acquirer.connect(target, timeoutMs, outside.elapsed, (message) => {
    if (!json) outside.print(`(${target.name} sent a ${message.mti} of its own, which is not answered)`);
  });
  const answered: Answered[] = [];
  const take = async (exchange: Exchange): Promise<void> => {
    const both = { exchange, chip: await chipAnswerOf(exchange, presentation), authentication: presentation.madeAuthentication };
    answered.push(both);
    if (!json) printExchange(both, target, dialect, outside);
  };
  try {
    if (signOn) await acquirer.exchange(draftOf({ ...wish, kind: 'signon', type: undefined, fields: new Map(), stan: otherStan(wish.stan) }, dialect, target.codec.spec), timeoutMs, codes);
    await take(await acquirer.exchange(draft, timeoutMs, ownCodes));
    if (given.has('repeat')) {
      draft.mti = `${draft.mti.slice(0, 3)}1`;
      if (!json) outside.print('');
      await take(await acquirer.exchange(draft, timeoutMs, ownCodes));
    }
  } finally {
    acquirer.close();
  }
  if (json) outside.print(JSON.stringify({ station: target.name, exchanges: answered.map((each) => jsonOf(each, dialect)) }));
}

/** Where the station asks for codes there always are. @throws UsageError where it has none */
function codesOf({ station, target }: Destination, asked: boolean, keys: () => TestKeys): MessageCodes | undefined {
  const rules = station?.security.mac;
  if (rules !== undefined) return asked || rules.required ? new MessageCodes(rules, keys()) : undefined;
  if (!asked) return undefined;
  throw new UsageError(station === undefined
    ? `no key is shared with an address; --mac needs a station of the configuration, not ${target.name}`
    : `the station ${station.name} has no message authentication codes (stations.${station.name}.security.mac)`);
}

function otherStan(stan: string): string {
  return stan === '1' ? '2' : '1';
}
