/**
 * Who decides for a card: the program that its number's range belongs to, with the terms that go on every message of it, and the rates of
 * the currencies that its balances are not in.
 */
import { businessCalendar } from '../base/calendar.ts';
import type { BusinessTime } from '../base/calendar.ts';
import type { Conversion } from '../message/conversion.ts';
import type { CreditTerms, LimitRule, OriginalKey, Purpose, Terms } from '../message/message.ts';
import type { PinMethod } from '../keys/hsm-pin.ts';
import type { AuthenticationForm } from '../keys/hsm-message.ts';
import type { ChipRules } from './chip-rules.ts';
import type { ContactlessStripe } from './contactless-stripe.ts';

/** A program as the switch works with it. */
export interface ProgramRules {
  readonly name: string;
  /** Name of the issuer that decides; `own`: this switch, by its accounts. */
  readonly issuer: string;
  /** Business days begin at midnight of this IANA zone. */
  readonly timeZone: string;
  readonly holdDays: Terms['holdDays'];
  readonly recordDays: number;
  readonly limits: readonly LimitRule[];
  /** Group name to merchant categories, each `5411` or a range `5411-5499`. */
  readonly merchantGroups: Readonly<Record<string, readonly string[]>>;
  readonly verificationValueRequired: boolean;
  /** Name of a key in the key file. */
  readonly cvk: string;
  readonly cvv2ExpiryOrder: 'yymm' | 'mmyy';
  /** Undefined: no card of the program has a PIN. */
  readonly pin: PinRules | undefined;
  /** Undefined: no card of the program has a chip. */
  readonly chip: ChipRules | undefined;
  /** Undefined: no card of the program makes tracks anew. */
  readonly contactlessStripe: ContactlessStripe | undefined;
  /** Undefined: what authenticates a cardholder in e-commerce is not looked at. */
  readonly authentication: AuthenticationRules | undefined;
  /** Whose credit balance it is, and in which currency (ISO 4217 numeric). */
  readonly partner: string;
  readonly currency: string;
  /** Must authorizations fit into the partner's credit balance? */
  readonly creditGuard: boolean;
  /** That balance's currency, ISO 4217 numeric; by default the program's. */
  readonly creditCurrency?: string | undefined;
}

/** How the PINs of a program's cards are verified. */
export interface PinRules {
  readonly rules: PinMethod;
  /** Names of keys of usage `pvk` by their index, 0 to 9. */
  readonly pvks: ReadonlyMap<number, string>;
  readonly triesMax: number;
  /** Of a remote issuer's cards: where in track 2, after the service code, key index and PVV stand; undefined: stand-in verifies no PIN. */
  readonly trackReferenceAt?: number | undefined;
}

export interface AuthenticationRules {
  /** Name of a key of usage `cavv`. */
  readonly key: string;
  readonly form: AuthenticationForm;
  /** Is a value demanded of every purchase in e-commerce? */
  readonly required: boolean;
}

/** Cards from `from` to `to` (as many digits as each other, both inclusive) belong to a program; a range with more digits goes first. */
export interface CardRange {
  readonly from: string;
  readonly to: string;
  readonly program: string;
}

/** What a unit of one currency costs (`sell`) and gives (`buy`) in another; ISO 4217 numeric. */
export interface CurrencyRate {
  readonly from: string;
  readonly to: string;
  readonly buy: string;
  readonly sell: string;
  /** YYYY-MM-DD. */
  readonly date: string;
}

/** A program, prepared. */
export interface Program {
  readonly rules: ProgramRules;
  readonly calendar: (atMs: number) => BusinessTime;
  /** Terms for messages of a station with these keys. */
  terms(originalKeys: readonly OriginalKey[]): Terms;
  /** The merchant category groups that a category falls in. */
  groupsOf(category: string): readonly string[];
  /** What an amount in another currency is converted at for a balance of the program; undefined: no rate is known, or it is the same currency. */
  conversionOf(currency: string, purpose: Purpose): Conversion | undefined;
}

/** Ranges, programs and rates as of one revision of the system tables. */
export class Routing {
  readonly #ranges: readonly CardRange[];
  readonly #programs: ReadonlyMap<string, Program>;

  constructor(programs: readonly ProgramRules[], ranges: readonly CardRange[], rates: readonly CurrencyRate[] = []) {
    this.#programs = new Map(programs.map((rules) => [rules.name, prepare(rules, rates)]));
    // The narrowest first: a range within another is the exception to it.
    this.#ranges = [...ranges].sort((a, b) => b.from.length - a.from.length);
  }

  /** The program of the card with this number; undefined where no range has it. */
  programOf(digits: string): Program | undefined {
    for (const { from, to, program } of this.#ranges) {
      if (digits.slice(0, from.length) >= from && digits.slice(0, to.length) <= to) return this.#programs.get(program);
    }
    return undefined;
  }
}

/** Terms for a card in no range: no issuer is named, so nothing is approved by them. */
export const noTerms: Terms = {
  program: '', limits: [], verificationValueRequired: false, pinTriesMax: 3, cryptogramRequired: false, atcWindow: 0, fallbackAllowed: true,
  authenticationRequired: false, holdDays: { cardPresent: 0, cardNotPresent: 0, preauthorization: 0 },
  recordDays: 7, creditGuard: false, originalKeys: [],
};

const noGroups: readonly string[] = [];

function prepare(rules: ProgramRules, allRates: readonly CurrencyRate[]): Program {
  const rates = allRates.filter(({ to }) => to === rules.currency);
  const credit = creditTermsOf(rules, allRates);
  const termsByKeys = new Map<string, Terms>();
  const groupsByCategory = new Map<string, readonly string[]>();
  return {
    rules,
    calendar: businessCalendar(rules.timeZone),
    terms(originalKeys) {
      const id = originalKeys.join();
      let terms = termsByKeys.get(id);
      if (terms === undefined) {
        const { name: program, limits, verificationValueRequired, pin, chip, authentication, holdDays, recordDays, creditGuard } = rules;
        terms = {
          program, limits, verificationValueRequired, holdDays, recordDays, creditGuard, ...(credit === undefined ? {} : { credit }), originalKeys,
          pinTriesMax: pin?.triesMax ?? noTerms.pinTriesMax, cryptogramRequired: chip?.required ?? false, atcWindow: chip?.atcWindow ?? 0,
          fallbackAllowed: chip?.fallback ?? true, blockAtLocks: chip?.blockAtLocks, authenticationRequired: authentication?.required ?? false,
        };
        termsByKeys.set(id, terms);
      }
      return terms;
    },
    conversionOf(currency, purpose) {
      const rate = currency === rules.currency ? undefined : rates.find(({ from }) => from === currency);
      return rate === undefined ? undefined : { from: currency, to: rate.to, rate: purpose === 'refund' ? rate.buy : rate.sell, date: rate.date };
    },
    groupsOf(category) {
      if (category.length !== 4) return noGroups;
      let groups = groupsByCategory.get(category);
      if (groups === undefined) {
        groups = Object.entries(rules.merchantGroups).filter(([, members]) => members.some((member) => includes(member, category))).map(([name]) => name);
        groupsByCategory.set(category, groups);
      }
      return groups;
    },
  };
}

/** Undefined: the partner's balance is in the program's currency. */
function creditTermsOf({ creditGuard, currency, creditCurrency = currency }: ProgramRules, rates: readonly CurrencyRate[]): CreditTerms | undefined {
  if (!creditGuard || creditCurrency === currency) return undefined;
  const rate = rates.find(({ from, to }) => from === currency && to === creditCurrency);
  return { currency: creditCurrency, sell: rate?.sell, buy: rate?.buy };
}

/** Is the category the one, or in the range (`5411-5499`), that a group lists? */
function includes(member: string, category: string): boolean {
  const [from = '', to = from] = member.split('-');
  return category >= from && category <= to;
}
