/**
 * What may be done to a card, and what it is afterwards: one table for virtual, physical and digital-first cards. docs/cards.md shows it.
 *
 *   virtual        active ──print──> digital-first, printing
 *   physical       ordered ──link──> linked ──activate──> active ──renew──> renewing ──link──> renewed ──activate──> active
 *   digital-first  printing ──link──> active ──renew──> printing
 *
 * Owns the states that callers see. They come from two places: the account says whether a card is not activated, active or removed; its
 * row says what kind it is and where its plastic is. Invariants: nothing leaves `removed`; only a link makes a plastic linked, and
 * only an activation makes a physical card active; a lock is beside the state, and never changes it.
 */

export const cardKinds = ['virtual', 'physical', 'digitalFirst'] as const;
export type CardKind = (typeof cardKinds)[number];

export const cardStates = ['ordered', 'linked', 'active', 'renewing', 'renewed', 'printing', 'removed'] as const;
export type CardState = (typeof cardStates)[number];

export const cardActions = [
  'showData', 'resetCvv', 'lock', 'unlock', 'control', 'setPin', 'print', 'link', 'activate', 'renew', 'replace', 'remove',
] as const;
export type CardAction = (typeof cardActions)[number];

/** Where the plastic is that was ordered last: `none`, none is under way. */
export type Plastic = 'none' | 'ordered' | 'linked';

/** After an action: the state, and the kind where that changes. */
export type After = CardState | 'digitalFirst printing';

type Row = Readonly<Partial<Record<CardAction, After>>>;

/** What a card that a holder has in hand allows, whatever its kind. */
function held(state: CardState): Row {
  return { showData: state, lock: state, unlock: state, control: state, replace: state, remove: 'removed' };
}

export const stateTable: Readonly<Record<CardKind, Readonly<Partial<Record<CardState, Row>>>>> = {
  virtual: {
    active: { ...held('active'), resetCvv: 'active', print: 'digitalFirst printing', renew: 'active' },
    removed: {},
  },
  physical: {
    ordered: { lock: 'ordered', unlock: 'ordered', link: 'linked', remove: 'removed' },
    linked: { ...held('linked'), setPin: 'linked', activate: 'active' },
    active: { ...held('active'), setPin: 'active', renew: 'renewing' },
    renewing: { ...held('renewing'), setPin: 'renewing', link: 'renewed' },
    renewed: { ...held('renewed'), setPin: 'renewed', activate: 'active' },
    removed: {},
  },
  digitalFirst: {
    printing: { ...held('printing'), resetCvv: 'printing', setPin: 'printing', link: 'active' },
    active: { ...held('active'), resetCvv: 'active', setPin: 'active', renew: 'printing' },
    removed: {},
  },
};

/** What a card that is locked for good (1 lost, 2 stolen, 5 inactive, 8 replaced) still allows. */
export const actionsUnderLockForGood: readonly CardAction[] = ['showData', 'lock', 'link', 'replace', 'remove'];

/** The state that callers see, of what the account and the row say. */
export function stateOf(kind: CardKind, account: 'ordered' | 'active' | 'removed', plastic: Plastic): CardState {
  if (account === 'removed') return 'removed';
  if (kind === 'virtual') return 'active';
  if (kind === 'digitalFirst') return plastic === 'ordered' ? 'printing' : 'active';
  if (account === 'ordered') return plastic === 'linked' ? 'linked' : 'ordered';
  return plastic === 'none' ? 'active' : plastic === 'ordered' ? 'renewing' : 'renewed';
}

export type Allowed =
  | { readonly kind: 'allowed'; readonly after: After }
  /** The kind of card never allows it, this state does not, or the lock does not. */
  | { readonly kind: 'refused'; readonly because: 'kind' | 'state' | 'lock' };

/**
 * Whether the action may be done to such a card.
 *
 * @param isLockedForGood its lock code is one that nothing lifts
 */
export function mayDo(action: CardAction, kind: CardKind, state: CardState, isLockedForGood: boolean): Allowed {
  const states = stateTable[kind];
  const after = states[state]?.[action];
  if (after === undefined) {
    const isEver = Object.values(states).some((row) => row[action] !== undefined);
    return { kind: 'refused', because: isEver ? 'state' : 'kind' };
  }
  if (isLockedForGood && !actionsUnderLockForGood.includes(action)) return { kind: 'refused', because: 'lock' };
  return { kind: 'allowed', after };
}

/** The table as docs/cards.md has it: a row for each kind and state, a column for each action. */
export function stateTableMarkdown(): string {
  const head = `| kind | state | ${cardActions.join(' | ')} |`;
  const rule = `|---|---|${cardActions.map(() => '---|').join('')}`;
  const rows = cardKinds.flatMap((kind) => Object.entries(stateTable[kind]).map(([state, row]) => (
    `| ${kind} | ${state} | ${cardActions.map((action) => wordOf(state, row[action])).join(' | ')} |`
  )));
  return [head, rule, ...rows].join('\n');
}

function wordOf(state: string, after: After | undefined): string {
  return after === undefined ? '·' : after === state ? 'yes' : after;
}
