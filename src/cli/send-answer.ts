/** What `locum send` says of an exchange: the fields, the answer in words, and what came back for the chip. */
import type { Dialect } from '../dialect/dialect.ts';
import { readResponder } from '../dialect/forward-return.ts';
import type { ToldResponder } from '../dialect/forward-return.ts';
import type { Message } from '../iso8583/codec.ts';
import { describe } from '../iso8583/describe.ts';
import { eachTag } from '../iso8583/tlv.ts';
import type { Outside } from './command.ts';
import { fieldLines } from './decode.ts';
import { readChipAnswer } from './send-chip.ts';
import type { ChipAnswer } from './send-chip.ts';
import type { Exchange, Target } from './send-client.ts';
import { meaningOf } from './send-draft.ts';
import type { Authenticity } from './send-mac.ts';
import { standInWords } from './stand-in-words.ts';
import type { Presentation } from './send-presented.ts';

export interface Answered {
  readonly exchange: Exchange;
  /** Undefined where no chip was presented, or nothing came back for it. */
  readonly chip: ChipAnswer | undefined;
  /** What `--cavv` takes; undefined where none was made. */
  readonly authentication: string | undefined;
}

/** DE55 of the answer, as the chip that was presented takes it. */
export async function chipAnswerOf({ request, response }: Exchange, { chip, presented }: Presentation): Promise<ChipAnswer | undefined> {
  const bytes = response.bytes(55);
  if (chip === undefined || presented.chip === undefined || bytes === undefined || !request.has(55)) return undefined;
  const objects: [path: string, value: string][] = [];
  eachTag(bytes, 0, bytes.length, (path, start, end) => {
    objects.push([path, Buffer.from(bytes.subarray(start, end)).toString('hex').toUpperCase()]);
  });
  return await readChipAnswer(presented.chip, objects, chip.card, chip.keys, chip.newPin);
}

export function printExchange({ exchange, chip, authentication }: Answered, target: Target, dialect: Dialect, outside: Outside): void {
  const { request, response, authenticity } = exchange;
  outside.print(`${request.mti} to ${target.name} (${target.host}:${target.port}), ${exchange.requestBytes} bytes`);
  for (const line of fieldLines(request, '  ')) outside.print(line);
  outside.print('');
  outside.print(`${response.mti} after ${exchange.elapsedMs.toFixed(1)} ms, ${exchange.responseBytes} bytes`);
  for (const line of fieldLines(response, '  ')) outside.print(line);
  outside.print('');
  outside.print(outcomeWords(response, dialect));
  const responder = readResponder(response, dialect);
  if (responder !== undefined) outside.print(`answered by: ${responderWords(responder)}`);
  for (const line of chip === undefined ? [] : chipLines(chip)) outside.print(line);
  if (authenticity !== undefined) outside.print(`message authentication code: ${authenticityWords[authenticity]}`);
  if (authentication !== undefined) outside.print(`cavv: ${authentication}`);
  const original = originalWords(request, dialect);
  if (original !== undefined) outside.print(`original: ${original}`);
}

const authenticityWords: Readonly<Record<Authenticity, string>> = {
  authentic: 'the answer\'s is right', wrong: 'the answer\'s is wrong', missing: 'the answer has none',
};

const commandNames: Readonly<Record<ChipAnswer['scripts'][number]['command'], string>> = {
  applicationBlock: 'application block', applicationUnblock: 'application unblock', pinUnblock: 'PIN unblock', pinChange: 'PIN change', unknown: 'a command of its own',
};

const outcomeOfScript: Readonly<Record<ChipAnswer['scripts'][number]['outcome'], string>> = {
  verified: 'verified with the card\'s keys', wrong: 'not made with the card\'s keys', unchecked: 'for the card\'s eyes alone',
};

function chipLines({ issuerAuthenticationData, responseCode, scripts }: ChipAnswer): string[] {
  const told = responseCode === '' ? '' : `, response code ${responseCode}`;
  const words = issuerAuthenticationData === undefined ? 'none' : issuerAuthenticationData === 'verified' ? 'verified with the card\'s key' : 'not made with the card\'s key';
  return [`issuer authentication data: ${words}${told}`, ...scripts.map(({ command, outcome }) => `issuer script: ${commandNames[command]}, ${outcomeOfScript[outcome]}`)];
}

function outcomeWords(response: Message, dialect: Dialect): string {
  const responseCode = response.text(39);
  if (responseCode === undefined) return 'The answer has no response code.';
  const meaning = meaningOf(responseCode, dialect);
  const approvalCode = response.text(38)?.trim();
  const words = meaning === undefined ? 'not in the link\'s map of response codes' : wordsFor(response, meaning);
  return `${responseCode}: ${words}${approvalCode === undefined || approvalCode === '' ? '' : `, approval code ${approvalCode}`}.`;
}

/** 1987 answers reversals, file actions and network management with the code of an approval. */
function wordsFor({ mti }: Message, { action, text }: { readonly action: string; readonly text: string }): string {
  return action === '0000' && '348'.includes(mti[1] ?? '') ? 'Accepted' : text;
}

/** As the answer says it. A code of several reasons names all of them. */
function responderWords({ code, names }: ToldResponder): string {
  if (names.includes('issuer') || names.includes('account')) return 'the issuer';
  return `stand-in, ${names.map(standInWords).join(', or ')} (${code})`;
}

/** What `--original` takes for this message; undefined of file actions and network management. */
function originalWords(request: Message, { version }: Dialect): string | undefined {
  const [stan, at] = [request.text(11), request.text(version === '1987' ? 7 : 12)];
  if (stan === undefined || at === undefined || '38'.includes(request.mti[1] ?? '')) return undefined;
  // A repeat is no other message than the first one.
  const type = `${request.mti.slice(1, 3)}0`;
  return [...(type === '100' ? [] : [type]), stan, at].join(',');
}

export function jsonOf({ exchange, chip, authentication }: Answered, dialect: Dialect): object {
  const { request, requestBytes, response, responseBytes, elapsedMs, authenticity } = exchange;
  const responseCode = response.text(39) ?? null;
  const meaning = responseCode === null ? undefined : meaningOf(responseCode, dialect);
  return {
    request: { mti: request.mti, bytes: requestBytes, fields: describe(request) },
    response: { mti: response.mti, bytes: responseBytes, fields: describe(response) },
    elapsedMs: Number(elapsedMs.toFixed(3)),
    responseCode,
    action: meaning?.action ?? null,
    meaning: meaning?.text ?? null,
    approved: responseCode !== null && dialect.reasons.approved(responseCode),
    approvalCode: response.text(38)?.trim() ?? null,
    rrn: response.text(37)?.trim() ?? null,
    responder: respondedBy(readResponder(response, dialect)),
    original: originalWords(request, dialect) ?? null,
    chip: chip === undefined ? null : { ...chip, issuerAuthenticationData: chip.issuerAuthenticationData ?? null },
    messageAuthentication: authenticity ?? null,
    cavv: authentication ?? null,
  };
}

function respondedBy(told: ToldResponder | undefined): object | null {
  if (told === undefined) return null;
  const isIssuer = told.names.includes('issuer') || told.names.includes('account');
  return { who: isIssuer ? 'issuer' : 'standin', code: told.code, standInReasons: isIssuer ? [] : told.names };
}
