/**
 * What operators and issuers' back offices may say of single cards: terms for stand-in, and balances that a host pushes.
 *
 * A card is named by its number or by the token that the stores know it by; the number goes no further than here. Refuses a card that is
 * not the issuer's, limits that the issuer's rules do not know, a balance that is older than the one that is there.
 */
import { ConfigError } from '../base/schema.ts';
import type { ObjectSchema, Schema } from '../base/schema.ts';
import type { CardAnswer, StandInCards } from '../issuer/stand-in-cards.ts';
import type { CardKnown } from '../issuer/stand-in-known.ts';
import type { CardVault } from '../keys/hsm.ts';
import { currencyName, currencyNumber } from '../message/money.ts';
import { Pan } from '../message/pan.ts';
import { OperationRefused } from '../office/operation.ts';
import type { Operation, OperationInput } from '../office/operation.ts';
import { cardTermsSchema, readCardTerms } from '../standin/card-terms.ts';
import type { CardTerms } from '../standin/card-terms.ts';
import { leftOf } from '../standin/shadow.ts';
import type { HostMode } from '../switch/host-policy.ts';
import type { StandInRules } from '../standin/rules.ts';

export interface CardOperationsOptions {
  readonly cards: Pick<StandInCards, 'find' | 'setTerms' | 'pushBalance'>;
  readonly vault: Pick<CardVault, 'cardToken'>;
  /** Undefined: there is no such remote issuer. */
  readonly issuer: (name: string) => { readonly mode: HostMode; readonly rules: StandInRules; /** It is asked at a URL. */ readonly remote?: object | undefined } | undefined;
  /** Whose card it is; undefined: nobody's. */
  readonly issuerOf: (pan: Pan) => string | undefined;
  readonly log: { event(name: string, fields: Readonly<Record<string, unknown>>): void };
  /** Unix ms. */
  readonly now: () => number;
}

/** What is kept of a card. */
export interface CardShown {
  /** Masked, where it was asked for by its number. */
  readonly card: string | undefined;
  readonly token: string;
  readonly terms: CardTerms | null;
  readonly balance: BalanceShown | null;
}

export interface BalanceShown {
  readonly availableMinor: number;
  readonly currency: string;
  /** ISO 8601. */
  readonly asOf: string;
  /** Approved since, and not in it. */
  readonly laterMinor: number;
  readonly leftMinor: number;
  /** The latest of that, by which the host names them in the next balance: STAN and DE7, or the message's id. */
  readonly later: readonly string[];
}

/** How far a host's clock may be ahead: a balance from farther would keep out those that come after it. */
const aheadMaxMs = 60_000;

/** By which an issuer knows an authorization that came to it over a station. */
const authorizationName = /^[0-9]{6}-[0-9]{10}$/;

const named: Readonly<Record<string, Schema>> = {
  issuer: { type: 'string', description: 'the name of a remote issuer', minLength: 1 },
  pan: { type: 'string', description: 'the card\'s number; or its token', minLength: 1, pattern: '^[0-9]{8,19}$', $comment: '8 to 19 digits', writeOnly: true },
  token: { type: 'string', description: 'the card\'s token; or its number', minLength: 1, pattern: '^[A-Za-z0-9_-]{22}$', $comment: 'a card\'s token: 22 letters, digits, hyphens and underscores' },
};

function takes(description: string, properties: Readonly<Record<string, Schema>>, required: readonly string[]): ObjectSchema {
  return { type: 'object', description, additionalProperties: false, required: ['issuer', ...required], properties: { ...named, ...properties } };
}

export function cardOperations(options: CardOperationsOptions): readonly Operation[] {
  const { cards, now, log } = options;
  return [
    {
      name: 'show card', method: 'POST', path: 'issuers/{issuer}/cards/show', about: 'what is kept of a card for stand-in',
      takes: takes('a card', {}, []),
      run: async (input) => {
        const card = cardOf(options, input);
        return shown(card, await cards.find(card.token));
      },
    },
    {
      name: 'set card', method: 'POST', path: 'issuers/{issuer}/cards', about: 'terms of one card for stand-in, in the place of those that it has; with none of them it has none',
      takes: takes('a card and its terms', cardTermsSchema.properties, []),
      run: async (input, by) => {
        const card = cardOf(options, input);
        const { issuer, pan: _pan, token: _token, ...document } = input;
        const terms = readCardTerms(document, issuerOf(options, issuer).rules, '');
        const answer = shown(card, await cards.setTerms(card.token, Object.keys(terms).length === 0 ? 'none' : terms));
        log.event('card terms set', { issuer, token: card.token, by, terms });
        return answer;
      },
    },
    {
      name: 'push balance', method: 'POST', path: 'issuers/{issuer}/balances', about: 'the balance of a card whose issuer\'s mode is hostWithShadowBalance',
      takes: takes('a card and its balance', {
        availableMinor: { type: 'integer', description: 'what may be spent, in minor units', minimum: -1_000_000_000_000, maximum: 1_000_000_000_000 },
        currency: { type: 'string', description: 'ISO 4217, that of the issuer\'s rules', minLength: 3 },
        asOf: { type: 'string', description: 'when it was so, ISO 8601; by default now', minLength: 20, pattern: '^\\d{4}-\\d{2}-\\d{2}T[0-9:.]+(Z|[+-]\\d{2}:\\d{2})$', $comment: 'such as 2026-11-22T10:15:00Z' },
        lastAuthorizationId: {
          type: 'string', description: 'the last authorization in it that came from this switch: the STAN (DE11) and DE7 of the message that it came with, or, of an issuer at a URL, that message\'s id; without it, all that is known here came later',
          minLength: 1, pattern: '^[A-Za-z0-9._-]{1,64}$', $comment: '1 to 64 letters, digits, dots, underscores and hyphens',
        },
      }, ['availableMinor', 'currency']),
      run: async (input) => {
        const { mode, rules, remote } = issuerOf(options, input['issuer']);
        const through = (input['lastAuthorizationId'] as string | undefined) ?? '';
        if (mode !== 'hostWithShadowBalance') throw new OperationRefused(409, `the mode of this issuer is ${mode}: no balance is kept for it`);
        const card = cardOf(options, input);
        const currency = currencyNumber(String(input['currency']));
        if (currency !== rules.currency) throw new ConfigError('currency', `must be ${currencyName(rules.currency)}, as the issuer's rules have it`);
        if (through !== '' && remote === undefined && !authorizationName.test(through)) throw new ConfigError('lastAuthorizationId', 'must be six digits, a hyphen, ten digits');
        const asOf = input['asOf'] as string | undefined;
        const asOfMs = asOf === undefined ? now() : Date.parse(asOf);
        if (!Number.isFinite(asOfMs)) throw new ConfigError('asOf', 'is no time');
        if (asOfMs > now() + aheadMaxMs) throw new ConfigError('asOf', 'is more than a minute ahead of this switch');
        return shown(card, await cards.pushBalance(card.token, { availableMinor: input['availableMinor'] as number, currency, asOfMs }, through));
      },
    },
  ];
}

function issuerOf({ issuer }: CardOperationsOptions, name: unknown): NonNullable<ReturnType<CardOperationsOptions['issuer']>> {
  const found = issuer(String(name));
  if (found === undefined) throw new OperationRefused(404, `there is no remote issuer ${String(name)}`, 'issuer');
  return found;
}

interface NamedCard {
  readonly token: string;
  readonly masked: string | undefined;
}

function cardOf(options: CardOperationsOptions, { issuer, pan, token }: OperationInput): NamedCard {
  issuerOf(options, issuer);
  if ((pan === undefined) === (token === undefined)) throw new ConfigError('pan', 'or token is needed, and not both');
  if (typeof token === 'string') return { token, masked: undefined };
  const card = Pan.parse(String(pan));
  if (card === undefined || options.issuerOf(card) !== issuer) throw new OperationRefused(404, 'this card is not one of the issuer\'s', 'pan');
  return { token: options.vault.cardToken(card), masked: card.masked };
}

function shown({ token, masked }: NamedCard, answer: CardAnswer): CardShown {
  switch (answer.kind) {
    case 'unreachable': throw new OperationRefused(503, 'the store does not answer; once it does, the same call again tells');
    case 'outdated': throw new OperationRefused(409, 'a later balance of this card is known', 'asOf');
    case 'known': return { card: masked, token, terms: answer.known?.terms ?? null, balance: balanceOf(answer.known) };
  }
}

function balanceOf(known: CardKnown | undefined): BalanceShown | null {
  const shadow = known?.shadow;
  if (shadow?.balance === undefined) return null;
  const { balance: { availableMinor, currency, asOfMs }, later, names } = shadow;
  return {
    availableMinor, currency: currencyName(currency), asOf: new Date(asOfMs).toISOString(), laterMinor: later.pendingMinor, leftMinor: leftOf(shadow) ?? 0, later: names.map(([, name]) => name),
  };
}
