/** Whether two sides go together: what the one must be told has to be in what the other can send. Looked at once, at start. */
import type { MessageClass } from '../message/message.ts';
import type { Dialect } from './dialect.ts';
import type { Side } from './forward-write.ts';

const classes: readonly MessageClass[] = ['authorization', 'financial', 'reversal'];

/** What a message to an issuer cannot do without, whatever its dialect demands. */
const always: readonly number[] = [2, 3, 4, 11];

/**
 * Why messages of `source` cannot be forwarded to `target`, and its answers brought back: a sentence for each reason; none where they can.
 */
export function fitFault(source: Side, target: Side): string[] {
  const { fields } = target.spec;
  const faults: string[] = [];
  const pair = `from ${source.dialect.name} in ${source.spec.name} to ${target.dialect.name} in ${target.spec.name}`;
  const mandatory = new Set([...always, ...classes.flatMap((of) => target.dialect.required[of])]);
  for (const field of [...mandatory].sort((one, other) => one - other)) {
    const sources = sourcesOf(field, source.dialect, target.dialect);
    if (!fields.has(field)) faults.push(`${pair}: DE${field} is mandatory, and the issuer's format has no such field`);
    else if (!sources.some((each) => each === 'own' || source.spec.fields.has(each))) {
      faults.push(`${pair}: DE${field} is mandatory for the issuer, and the acquirer's format has nothing that it could come from`);
    } else {
      const shortfall = tooShort(field, source, target);
      if (shortfall !== '') faults.push(`${pair}: ${shortfall}`);
    }
  }
  for (const purpose of new Set(source.dialect.processingCodes.values())) {
    const isThere = purpose === 'unsupported' || [...target.dialect.processingCodes.values()].includes(purpose);
    if (!isThere && (purpose === 'purchase' || purpose === 'cash')) faults.push(`${pair}: DE3 is mandatory, and the issuer's dialect has no code for a ${purpose}`);
  }
  for (const field of [38, 39]) if (!source.spec.fields.has(field)) faults.push(`${pair}: the acquirer's format has no DE${field}, which an approval brings back`);
  return faults;
}

/** Fields of the source that a field of the target is written from. `own`: the switch says it. */
function sourcesOf(field: number, source: Dialect, target: Dialect): readonly (number | 'own')[] {
  if (field === target.merchantCategoryFields[0] || target.merchantCategoryFields.includes(field)) return source.merchantCategoryFields;
  if (field === target.amounts.currencyField) return source.amounts.currencyField === undefined ? [4] : [source.amounts.currencyField];
  if (field === target.amounts.billingCurrencyField) return source.amounts.billingCurrencyField === undefined ? [6] : [source.amounts.billingCurrencyField];
  const sameVersion = source.version === target.version;
  switch (field) {
    case 2:
      return [2, 35, 45, 34];
    case 7: case 11: case 12: case 37: case 39:
      return ['own'];
    case 13:
      return target.version === '1987' ? ['own'] : [13];
    case 22:
      return ['own'];
    case 24:
      return target.version === '1987' ? (sameVersion ? [24] : []) : ['own'];
    case 25:
      return target.version === '1987' ? ['own'] : sameVersion ? [25] : [];
    case 56: case 90:
      return source.version === '1987' ? [90] : [56];
    case 43:
      return source.merchantNameField === undefined || target.merchantNameField === undefined ? [] : [source.merchantNameField];
    default:
      return sameVersion || sameInAll.has(field) ? [field] : [];
  }
}

/** With one meaning in every edition, or said again in each. */
const sameInAll = new Set([3, 4, 6, 10, 14, 16, 17, 19, 20, 23, 32, 33, 35, 36, 38, 41, 42, 45, 52, 54, 55, 98, 100, 102, 103]);

/** Identifiers are never cut short: one that may be longer than the issuer's field would be left out of a field that is mandatory. */
function tooShort(field: number, source: Side, target: Side): string {
  if (![2, 32, 41, 42].includes(field)) return '';
  const from = source.spec.fields.get(field);
  const to = target.spec.fields.get(field);
  if (from === undefined || to === undefined || from.max <= to.max) return '';
  return `DE${field} is mandatory for the issuer and takes ${to.max} characters, and the acquirer's has up to ${from.max}`;
}
