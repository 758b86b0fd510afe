/**
 * The JSON documents between the switch and an issuer at a URL: their schemas, which docs/remote-issuer.md is checked against, and their
 * types. Owns what may be in one; what an answer may say to which message is remote-answer.ts's.
 */
import type { ArraySchema, BooleanSchema, ChoiceSchema, MapSchema, ObjectSchema, RangeSchema, Schema, TextSchema } from '../base/schema.ts';
import type { EntryMode, MessageClass, PinVerdict, Purpose } from '../message/message.ts';

/** Money in a document: minor units, and the letters of ISO 4217 where the switch knows them, else its three digits. */
export interface MoneyDocument {
  readonly amountMinor: number;
  readonly currency: string;
}

/** What an earlier message is named by: the id it went out under, or else what the acquirer says of it. */
export interface OriginalDocument {
  readonly id?: string;
  readonly type: 'request' | 'advice';
  readonly class: MessageClass;
  readonly stan?: string;
  readonly transmittedAt?: string;
  readonly localAt?: string;
  readonly acquirer?: string;
}

export interface DecisionDocument {
  readonly approved: boolean;
  readonly reason: string;
  readonly approvalCode?: string;
  readonly amount?: MoneyDocument;
  readonly decidedAt?: string;
  readonly standInReason?: string;
  readonly wrongPins?: number;
  readonly pinVerified?: boolean;
}

export interface MessageDocument {
  readonly version: 1;
  readonly id: string;
  readonly type: 'request' | 'advice' | 'reversal';
  readonly class: 'authorization' | 'financial';
  readonly purpose: Purpose;
  readonly repeat: boolean;
  readonly issuer: string;
  readonly receivedAt?: string;
  readonly card: {
    readonly token: string; readonly maskedPan: string; readonly pan?: string; readonly encryptedPan?: string; readonly expiry?: string; readonly sequence?: string;
    readonly present: boolean;
  };
  readonly amount?: MoneyDocument;
  readonly billing?: MoneyDocument;
  readonly partialAllowed: boolean;
  readonly entryMode: EntryMode;
  readonly merchant: { readonly category: string; readonly id: string; readonly name: string; readonly country: string };
  readonly acquirer: {
    readonly id: string; readonly terminal: string; readonly stan: string; readonly rrn: string; readonly transmittedAt: string; readonly localAt: string; readonly processingCode: string;
  };
  readonly verification?: {
    readonly cardValue?: { readonly kind: string; readonly outcome: string };
    readonly pin: 'absent' | 'unverified' | PinVerdict['outcome'];
    readonly chip?: { readonly outcome: string; readonly counter: number; readonly findings: readonly string[] };
    readonly authentication?: string;
  };
  readonly pin?: { readonly block: string; readonly newBlock?: string; readonly format: number };
  readonly chip?: Readonly<Record<string, string>>;
  readonly original?: OriginalDocument;
  readonly decision?: DecisionDocument;
  readonly reversal?: { readonly why: string; readonly actual?: MoneyDocument };
}

export interface AnswerDocument {
  readonly id: string;
  readonly result: 'approved' | 'declined' | 'standIn' | 'accepted' | 'refused';
  readonly reason?: string;
  readonly approvalCode?: string;
  readonly amount?: MoneyDocument;
  readonly billing?: MoneyDocument;
  readonly balances?: { readonly ledgerMinor: number; readonly availableMinor: number; readonly currency: string };
  readonly chip?: { readonly issuerAuthenticationData?: string; readonly responseCode: string; readonly scripts: readonly { readonly template: '71' | '72'; readonly id?: string; readonly commands: readonly string[] }[] };
}

export interface HealthDocument {
  readonly id: string;
  readonly status: 'up' | 'signedOff';
  readonly suppressInquiry: boolean;
  readonly advices: 'send' | 'hold';
}

/** The most that an amount comes to: twelve digits, as on the wire. */
const amountMinorMax = 999_999_999_999;
const balanceMinorMax = 999_999_999_999;

function text(description: string, pattern?: string, comment?: string): TextSchema {
  return { type: 'string', description, minLength: 0, writeOnly: true, ...(pattern === undefined || comment === undefined ? {} : { pattern, $comment: comment }) };
}

function choice(description: string, names: readonly string[], byDefault?: string): ChoiceSchema {
  return { type: 'string', description, enum: names, writeOnly: true, ...(byDefault === undefined ? {} : { default: byDefault }) };
}

function whole(description: string, minimum: number, maximum: number): RangeSchema {
  return { type: 'integer', description, minimum, maximum, writeOnly: true };
}

function flag(description: string, byDefault?: boolean): BooleanSchema {
  return { type: 'boolean', description, writeOnly: true, ...(byDefault === undefined ? {} : { default: byDefault }) };
}

function list(description: string, items: Schema): ArraySchema {
  return { type: 'array', description, items };
}

function object(description: string, required: readonly string[], properties: Readonly<Record<string, Schema>>): ObjectSchema {
  return { type: 'object', description, additionalProperties: false, required, properties };
}

const currency = text('ISO 4217: three letters, or three digits where the sender knows no letters', '^([A-Z]{3}|[0-9]{3})$', 'three capital letters or three digits');
const idText = text('an id', '^[A-Za-z0-9._-]{1,64}$', '1 to 64 of letters, digits, dot, underscore and hyphen');

function id(description: string): TextSchema {
  return { ...idText, description };
}

function money(description: string): ObjectSchema {
  return object(description, ['amountMinor', 'currency'], { amountMinor: whole('in minor units of the currency', 0, amountMinorMax), currency });
}

const classes = ['authorization', 'financial'] as const;
const purposes: readonly Purpose[] = ['purchase', 'cash', 'refund', 'balanceInquiry', 'verification', 'preauthorization', 'increment', 'completion', 'pinChange', 'unsupported'];
const entryModes: readonly EntryMode[] = ['chip', 'contactless', 'stripe', 'fallback', 'manual', 'ecommerce', 'unknown'];
const hex = '^([0-9A-F]{2})*$';
const hexWords = 'hexadecimal, capital letters';
const reasonText = ['^[0-9]{4}$', 'four digits'] as const;

export const messageSchema: ObjectSchema = object('what the switch posts', ['version', 'id', 'type', 'class', 'purpose', 'repeat', 'issuer', 'card', 'partialAllowed', 'entryMode', 'merchant', 'acquirer'], {
  version: { type: 'integer', description: 'of this protocol', enum: [1] },
  id: id('the message\'s own, and its idempotency key: the same at every repeat, never another message\'s'),
  type: choice('request: decide; advice: this was decided for you; reversal: take that back', ['request', 'advice', 'reversal']),
  class: choice('authorization: the amount is held; financial: it is taken', classes),
  purpose: choice('what the cardholder wants', purposes),
  repeat: flag('whether it may have been sent before'),
  issuer: text('the issuer\'s name in the switch\'s tables'),
  receivedAt: text('when the switch took the acquirer\'s message: RFC 3339, UTC'),
  card: object('the card', ['token', 'maskedPan', 'present'], {
    token: text('what the switch knows the card by: the same for the same card number, always'),
    maskedPan: text('at most the first six digits and the last four'),
    pan: text('the card number, where the configuration says clear'),
    encryptedPan: text('where it says encrypted: a compact JWE of {"pan": "…"} for the issuer\'s key; it differs at a repeat'),
    expiry: text('YYMM, where it was carried', '^[0-9]{4}$', 'four digits'),
    sequence: text('of the card, where it was carried', '^[0-9]{2,3}$', 'two or three digits'),
    present: flag('whether the card was there'),
  }),
  amount: money('what is asked; of a reversal, what its original asked. Absent where there is none'),
  billing: money('the same in the cardholder\'s currency, where the acquirer says it'),
  partialAllowed: flag('whether it may be approved for less'),
  entryMode: choice('how the card\'s data came in', entryModes),
  merchant: object('who gets the money', ['category', 'id', 'name', 'country'], {
    category: text('merchant category code'), id: text('as the acquirer knows it'), name: text('name and place, as the acquirer sent them'), country: text('of the acquirer, as it came'),
  }),
  acquirer: object('the acquirer\'s own words for the transaction', ['id', 'terminal', 'stan', 'rrn', 'transmittedAt', 'localAt', 'processingCode'], {
    id: text('acquiring institution'), terminal: text('terminal id'), stan: text('trace number without leading zeros'), rrn: text('retrieval reference number'),
    transmittedAt: text('MMDDhhmmss, UTC'), localAt: text('local date and time of the transaction, as the edition of the acquirer\'s messages has it'), processingCode: text('six characters'),
  }),
  verification: object('request: what the switch verified with the keys it has', ['pin'], {
    cardValue: object('absent where none was carried', ['kind', 'outcome'], {
      kind: choice('which value', ['cvv', 'icvv', 'cvv2', 'dcvv', 'cvc3']), outcome: choice('unchecked: the switch does not know what to check it against', ['match', 'mismatch', 'error', 'unchecked']),
    }),
    pin: choice('unverified: one was entered, and the switch has nothing to verify it against', ['absent', 'unverified', 'verified', 'wrong', 'malformed', 'error']),
    chip: object('absent where no cryptogram was carried', ['outcome', 'counter', 'findings'], {
      outcome: choice('of the cryptogram', ['match', 'mismatch', 'malformed', 'error']), counter: whole('the chip\'s transaction counter', 0, 65_535), findings: list('names of the program\'s rules that found something', text('a rule')),
    }),
    authentication: choice('of the cardholder authentication value of e-commerce; absent where none was carried', ['match', 'mismatch', 'malformed', 'error']),
  }),
  pin: object('the PIN under the zone key that the issuer\'s row names; absent without one', ['block', 'format'], {
    block: text(hexWords, hex, hexWords), newBlock: text(`of a PIN change: ${hexWords}`, hex, hexWords), format: { type: 'integer', description: 'of ISO 9564-1', enum: [0, 1, 3, 4], writeOnly: true },
  }),
  chip: {
    type: 'map', description: 'what chip and terminal say: tags of EMV with their values, without those that hold card data', names: { pattern: '^[0-9A-F]{2,6}$', $comment: 'a tag' }, items: text(hexWords, hex, hexWords),
  } satisfies MapSchema,
  original: object('of a reversal, completion, increment, or advice in place of a request: the earlier message', ['type', 'class'], {
    id: id('the id that it was sent under; absent where the switch does not know it, then the acquirer\'s words follow'),
    type: choice('as what it was sent', ['request', 'advice']), class: choice('of it', classes), stan: text('as the acquirer names it'), transmittedAt: text('the same'), localAt: text('the same'), acquirer: text('the same'),
  }),
  decision: object('advice: what was decided', ['approved', 'reason'], {
    approved: flag('whether the cardholder\'s transaction went ahead'), reason: text('of docs/reasons.md', ...reasonText), approvalCode: text('that the acquirer has'),
    amount: money('what was approved, where it is less than asked'), decidedAt: text('RFC 3339, UTC'), standInReason: text('why the issuer did not decide: docs/standin.md; forwarded: the acquirer told it'),
    wrongPins: whole('wrong PINs in a row, this one included; absent where this one was not wrong', 1, 99), pinVerified: flag('the PIN was right'),
  }),
  reversal: object('reversal', ['why'], {
    why: text('timeout: no answer came in time; badAnswer: it was none; forwarded: the acquirer takes it back; or another reason of docs/standin.md'),
    actual: money('what it came to after all; absent: nothing, all of it is taken back'),
  }),
});

export const answerSchema: ObjectSchema = object('what the issuer answers', ['id', 'result'], {
  id: id('that of the message'),
  result: choice('to a request approved, declined, or standIn: the switch is to decide, and to leave the issuer alone for a while. To an advice or a reversal accepted, or refused: it is told again, and set aside after a while', ['approved', 'declined', 'standIn', 'accepted', 'refused']),
  reason: text('of docs/reasons.md: 0000 or 0002 where approved, which is the default; where declined one that begins with 1 or 2, or 9100 and above, by default 1000', ...reasonText),
  approvalCode: text('where approved', '^[A-Z0-9]{6}$', 'six capital letters or digits'),
  amount: money('what is approved, where that is less than asked'),
  billing: money('the same in the cardholder\'s currency'),
  balances: object('of the account after this, for a terminal that shows them', ['ledgerMinor', 'availableMinor', 'currency'], {
    ledgerMinor: whole('minor units', -balanceMinorMax, balanceMinorMax), availableMinor: whole('minor units', -balanceMinorMax, balanceMinorMax), currency,
  }),
  chip: object('what the chip is told', ['responseCode'], {
    issuerAuthenticationData: text('tag 91', hex, hexWords), responseCode: text('tag 8A', '^[A-Z0-9]{2}$', 'two characters'),
    scripts: { ...list('in this order', object('a script', ['template', 'commands'], { template: choice('before (71) or after (72) the chip\'s second cryptogram', ['71', '72']), id: text('of the script', '^([0-9A-F]{8})?$', 'eight hexadecimal digits'), commands: list('whole commands', text(hexWords, hex, hexWords)) })), default: [] },
  }),
});

export const healthSchema: ObjectSchema = object('what the issuer answers to a question about its health', ['id', 'status'], {
  id: id('that of the question'),
  status: choice('signedOff: there, and not to be asked', ['up', 'signedOff']),
  suppressInquiry: flag('whether authorizations and reversals are to be kept from it for now', false),
  advices: choice('hold: advices wait until it says send', ['send', 'hold'], 'send'),
});
