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
import { leftOf } from '../standin/shadow.ts';
import type { HostMode } from '../switch/host-policy.ts';
import type { StandInRules } from '../standin/rules.ts';

export interface CardOperationsOptions {
  readonly cards: Pick<StandInCards, 'find' | 'setTerms' | 'pushBalance'>;
  readonly vault: CardVault;
  /** Undefined: there is no such remote issuer. */
  readonly issuer: (name: string) => { readonly mode: HostMode; readonly rules: StandInRules } | undefined;
  /** Whose card it is; undefined: nobody's. */
  readonly issuerOf: (pan: Pan) => string | undefined;
  /** Unix ms. */
  readonly now: () => number;
}

const named: Readonly<Record<string, Schema>> = {
  issuer: { type: 'string', description: 'the name of a remote issuer', minLength: 1 },
  pan: { type: 'string', description: 'the card\'s number; or its token', minLength: 1, pattern: '^[0-9]{8,19}$', $comment: '8 to 19 digits', writeOnly: true },
  token: { type: 'string', description: 'the card\'s token; or its number', minLength: 1, pattern: '^[A-Za-z0-9_-]{8,128}$', $comment: '8 to 128 letters, digits, hyphens and underscores' },
};

function takes(description: string, properties: Readonly<Record<string, Schema>>, required: readonly string[]): ObjectSchema {
  return { type: 'object', description, additionalProperties: false, required: ['issuer', ...required], properties: { ...named, ...properties } };
}

export function cardOperations(options: CardOperationsOptions): readonly Operation[] {
  const { cards, now } = options;
  return [
    {
      name: 'show card', method: 'POST', path: 'issuers/{issuer}/cards/show', about: 'what is kept of a card for stand-in',
      takes: takes('a card', {}, []),
      run: async (input) => {
        const token = tokenOf(options, input);
        return shown(token, await cards.find(token));
      },
    },
    {
      name: 'set card', method: 'POST', path: 'issuers/{issuer}/cards', about: 'terms of one card for stand-in, in the place of those that it has; with none of them it has none',
      takes: takes('a card and its terms', cardTermsSchema.properties, []),
      run: async (input) => {
        const token = tokenOf(options, input);
        const { issuer, pan: _pan, token: _token, ...document } = input;
        const terms = readCardTerms(document, issuerOf(options, issuer).rules, '');
        return shown(token, await cards.setTerms(token, Object.keys(terms).length === 0 ? 'none' : terms));
      },
    },
    {
      name: 'push balance', method: 'POST', path: 'issuers/{issuer}/balances', about: 'the balance of a card whose issuer\'s mode is hostWithShadowBalance',
      takes: takes('a card and its balance', {
        availableMinor: { type: 'integer', description: 'what may be spent, in minor units', minimum: -1_000_000_000_000, maximum: 1_000_000_000_000 },
        currency: { type: 'string', description: 'ISO 4217, that of the issuer\'s rules', minLength: 3 },
        asOf: { type: 'string', description: 'when it was so, ISO 8601; by default now', minLength: 20, pattern: '^\\d{4}-\\d{2}-\\d{2}T[0-9:.]+(Z|[+-]\\d{2}:\\d{2})$', $comment: 'such as 2026-11-22T10:15:00Z' },
        lastAuthorizationId: {
          type: 'string', description: 'the last authorization in it that came from this switch: the STAN (DE11) and DE7 of the message that it came with; without it, all that is known here came later',
          minLength: 17, pattern: '^[0-9]{6}-[0-9]{10}$', $comment: 'six digits, a hyphen, ten digits',
        },
      }, ['availableMinor', 'currency']),
      run: async (input) => {
        const { mode, rules } = issuerOf(options, input['issuer']);
        if (mode !== 'hostWithShadowBalance') throw new OperationRefused(409, `the mode of this issuer is ${mode}: no balance is kept for it`);
        const token = tokenOf(options, input);
        const currency = currencyNumber(String(input['currency']));
        if (currency !== rules.currency) throw new ConfigError('currency', `must be ${currencyName(rules.currency)}, as the issuer's rules have it`);
        const asOf = input['asOf'] as string | undefined;
        const asOfMs = asOf === undefined ? now() : Date.parse(asOf);
        if (!Number.isFinite(asOfMs)) throw new ConfigError('asOf', 'is no time');
        return shown(token, await cards.pushBalance(token, { availableMinor: input['availableMinor'] as number, currency, asOfMs }, (input['lastAuthorizationId'] as string | undefined) ?? ''));
      },
    },
  ];
}

function issuerOf({ issuer }: CardOperationsOptions, name: unknown): NonNullable<ReturnType<CardOperationsOptions['issuer']>> {
  const found = issuer(String(name));
  if (found === undefined) throw new OperationRefused(404, `there is no remote issuer ${String(name)}`, 'issuer');
  return found;
}

function tokenOf(options: CardOperationsOptions, { issuer, pan, token }: OperationInput): string {
  issuerOf(options, issuer);
  if ((pan === undefined) === (token === undefined)) throw new ConfigError('pan', 'or token is needed, and not both');
  if (typeof token === 'string') return token;
  const card = Pan.parse(String(pan));
  if (card === undefined || options.issuerOf(card) !== issuer) throw new OperationRefused(404, 'this card is not one of the issuer\'s', 'pan');
  return options.vault.cardToken(card);
}

function shown(token: string, answer: CardAnswer): unknown {
  switch (answer.kind) {
    case 'unreachable': throw new OperationRefused(503, 'the store does not answer; once it does, the same call again tells');
    case 'outdated': throw new OperationRefused(409, 'a later balance of this card is known', 'asOf');
    case 'known': return { token, terms: answer.known?.terms ?? null, balance: balanceOf(answer.known) };
  }
}

function balanceOf(known: CardKnown | undefined): unknown {
  const shadow = known?.shadow;
  if (shadow?.balance === undefined) return null;
  const { balance: { availableMinor, currency, asOfMs }, later } = shadow;
  return { availableMinor, currency, asOf: new Date(asOfMs).toISOString(), laterMinor: later.pendingMinor, leftMinor: leftOf(shadow) };
}
