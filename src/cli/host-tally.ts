/** Counts what a test host's events tell, for its summary. */
import type { CardMeaning } from '../dialect/meaning.ts';
import type { HostBook, Verdict } from './host-book.ts';
import type { HostEvent, HostMessage, HostSummary } from './host-report.ts';

export class HostTally {
  #connections = 0;
  #messages = 0;
  #requests = 0;
  #approvals = 0;
  #partials = 0;
  #declines = 0;
  readonly #declinesByCode: Record<string, number> = {};
  #reversals = 0;
  #reversalsUnknown = 0;
  #advices = 0;
  #advisedDeclines = 0;
  readonly #repeats = { requests: 0, advices: 0, reversals: 0 };
  #toldAgain = 0;
  #requestsSignedOff = 0;
  #requestsSuppressed = 0;
  readonly #did: Record<string, number> = {};
  readonly #network = { received: 0, sent: 0, unanswered: 0 };
  readonly #echoes = { received: 0, answered: 0, missed: 0, sumMs: 0, maxMs: 0 };
  readonly #strange = { undecodable: 0, unmatched: 0, unsupported: 0, unwritable: 0 };

  event(event: HostEvent): void {
    switch (event.event) {
      case 'connected':
        this.#connections += 1;
        return;
      case 'message':
        this.#message(event);
        return;
      case 'network':
        this.#managed(event);
        return;
      case 'strange':
        this.#strange[event.what] += 1;
        return;
      default:
    }
  }

  /** What the book took. */
  taken(meaning: CardMeaning, { heard, answer, note }: Verdict, responseCode: string): void {
    const group = meaning.class === 'reversal' ? 'reversals' : meaning.function === 'request' ? 'requests' : 'advices';
    if (heard === 'toldAgain') this.#toldAgain += 1;
    if (heard === 'repeat') this.#repeats[group] += 1;
    if (heard === 'repeat' || heard === 'toldAgain') return;
    if (group === 'reversals') {
      this.#reversals += 1;
      if (note === 'its original is not known') this.#reversalsUnknown += 1;
    } else if (group === 'advices') {
      this.#advices += 1;
      if (meaning.advisedDecline) this.#advisedDeclines += 1;
    } else {
      this.#requests += 1;
      if (answer.approved) this.#approvals += 1;
      else this.#declines += 1;
      if (answer.reason === '0002') this.#partials += 1;
    }
    if (!answer.approved) this.#declinesByCode[responseCode] = (this.#declinesByCode[responseCode] ?? 0) + 1;
  }

  outOfTurn(state: 'signedOff' | 'suppressed'): void {
    if (state === 'signedOff') this.#requestsSignedOff += 1;
    else this.#requestsSuppressed += 1;
  }

  summary(book: HostBook): HostSummary {
    const { sumMs, ...echoes } = this.#echoes;
    return {
      connections: this.#connections, messages: this.#messages, requests: this.#requests, approvals: this.#approvals, partials: this.#partials,
      declines: this.#declines, declinesByCode: { ...this.#declinesByCode }, reversals: this.#reversals, reversalsUnknown: this.#reversalsUnknown,
      advices: this.#advices, advisedDeclines: this.#advisedDeclines, repeats: { ...this.#repeats },
      doubles: book.doublesCount, doublesToldAgain: this.#toldAgain,
      doublesListed: book.doubles.map(({ pan, rrn, amount, firstMti, firstStan, mti, stan, sameTrace }) => ({
        pan: pan.masked, rrn, amount: amount ?? null, first: `${firstMti} ${firstStan}`, second: `${mti} ${stan}`, sameTrace,
      })),
      requestsSignedOff: this.#requestsSignedOff, requestsSuppressed: this.#requestsSuppressed, did: { ...this.#did },
      network: { ...this.#network }, echoes: { ...echoes, meanMs: echoes.answered === 0 ? 0 : sumMs / echoes.answered },
      strange: { ...this.#strange },
      cards: book.exposures.map(({ pan, currency, exposureMinor, balance }) => ({ pan: pan.masked, currency, exposureMinor, balanceMinor: balance?.amountMinor ?? null })),
    };
  }

  #message({ did }: HostMessage): void {
    this.#messages += 1;
    if (did !== 'usual') this.#did[did] = (this.#did[did] ?? 0) + 1;
  }

  #managed({ direction, what, outcome, elapsedMs }: HostEvent & { readonly event: 'network' }): void {
    this.#network[direction] += 1;
    if (direction === 'received') {
      if (what === 'echo') this.#echoes.received += 1;
      return;
    }
    if (outcome === 'unanswered') this.#network.unanswered += 1;
    if (what !== 'echo') return;
    if (outcome === 'unanswered') {
      this.#echoes.missed += 1;
      return;
    }
    this.#echoes.answered += 1;
    this.#echoes.sumMs += elapsedMs;
    this.#echoes.maxMs = Math.max(this.#echoes.maxMs, elapsedMs);
  }
}
