/**
 * Which account a card's token leads to. What was found once is remembered, within a bound: a token never leads to another account
 * later. Questions of one turn go to the store together.
 */
import type { Store } from '../store/store.ts';

export type Found = { readonly kind: 'found'; readonly accountId: string | undefined } | { readonly kind: 'unavailable' };

const tokensPerReadMax = 1000;

export class Directory {
  readonly #store: Pick<Store, 'findAccounts'>;
  readonly #atTurnEnd: (work: () => void) => void;
  readonly #known = new Map<string, string>();
  readonly #knownMax: number;
  #asked = new Map<string, ((found: Found) => void)[]>();

  constructor(store: Pick<Store, 'findAccounts'>, atTurnEnd: (work: () => void) => void, knownMax = 200_000) {
    this.#store = store;
    this.#atTurnEnd = atTurnEnd;
    this.#knownMax = knownMax;
  }

  /** The account, where it is known without asking the store. */
  known(token: string): string | undefined {
    return this.#known.get(token);
  }

  /** Asks the store; `done` is called once. */
  find(token: string, done: (found: Found) => void): void {
    const waiting = this.#asked.get(token);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    if (this.#asked.size === 0) this.#atTurnEnd(() => void this.#ask());
    this.#asked.set(token, [done]);
  }

  async #ask(): Promise<void> {
    const asked = this.#asked;
    this.#asked = new Map();
    const tokens = [...asked.keys()];
    for (let from = 0; from < tokens.length; from += tokensPerReadMax) {
      const page = tokens.slice(from, from + tokensPerReadMax);
      let accounts: readonly (string | undefined)[] | undefined;
      try {
        accounts = await this.#store.findAccounts(page);
      } catch {
        // The caller is told; the store's own events say why.
        accounts = undefined;
      }
      for (const [index, token] of page.entries()) {
        const accountId = accounts?.[index];
        if (accountId !== undefined) this.#remember(token, accountId);
        const found: Found = accounts === undefined ? { kind: 'unavailable' } : { kind: 'found', accountId };
        for (const done of asked.get(token) ?? []) done(found);
      }
    }
  }

  #remember(token: string, accountId: string): void {
    if (this.#known.size >= this.#knownMax) {
      const oldest = this.#known.keys().next();
      if (oldest.done !== true) this.#known.delete(oldest.value);
    }
    this.#known.set(token, accountId);
  }
}
