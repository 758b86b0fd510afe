/**
 * What a remote issuer is told of what was decided or taken back without it: advices and reversals, made of the message and its record,
 * and kept on this node's disk until it has them. Refuses nothing; says whether they are on disk.
 */
import { assert } from '../base/assert.ts';
import type { AdviceFile, WriteOutcome } from '../advice/advice-file.ts';
import { decodeAdvice, encodeAdvice } from '../advice/advice.ts';
import type { Advice, DecisionContent } from '../advice/advice.ts';
import { adviceContent, reversalContent } from '../dialect/forward-advice.ts';
import type { HostIssuer } from '../host/host-issuer.ts';
import type { OwnTrace } from '../host/host.ts';
import type { StandInRequest } from '../issuer/stand-in-message.ts';
import type { Owed, RecordMore, StandInRecord } from '../issuer/stand-in-record.ts';
import type { CardVault } from '../keys/hsm.ts';
import type { SentReference } from '../message/advice.ts';
import { isApproval } from '../message/reason.ts';
import type { Reason } from '../message/reason.ts';
import type { HostArrival } from './host-arrival.ts';
import type { HostPolicy } from './host-policy.ts';

export interface HostTellingOptions {
  readonly policy: Pick<HostPolicy, 'name' | 'unanswered'>;
  readonly host: Pick<HostIssuer, 'reserveTrace'>;
  readonly advices: AdviceFile;
  readonly vault: CardVault;
  /** Unix ms. */
  readonly now: () => number;
}

/** The advice of a decision on its way to the disk together with that. */
interface BesideDecision {
  isDurable: boolean;
  readonly tell: NonNullable<StandInRequest['tell']>;
}

export class HostTelling {
  readonly #options: HostTellingOptions;

  constructor(options: HostTellingOptions) {
    this.#options = options;
  }

  /** Of a decision: where the issuer may have the request itself, that this is taken back or replaced. */
  decision(arrival: HostArrival, record: StandInRecord): Advice[] {
    const { sent, id, reason, approvalCode, names, amount, more } = record;
    const approved = more?.actualMinor === undefined || amount === undefined || !isApproval(reason) ? undefined : { ...amount, amountMinor: more.actualMinor };
    const why = record.why === '' ? 'timeout' : record.why;
    const replaces = sent !== undefined && isApproval(reason) && this.#options.policy.unanswered === 'adviseReplaces' ? sent : undefined;
    const content = this.#content(arrival, id, ownOf(record), { reason, approvalCode, approved }, why, replaces ?? names, more?.pin);
    const advice = this.#advice(arrival, id, arrival.meaning.class, content);
    return sent !== undefined && replaces === undefined ? [this.reversal(arrival, sent, why === 'issuersOption' ? 'timeout' : why, id), advice] : [advice];
  }

  /** What tells of a decision that is not made yet, for the store that makes it to put on disk with it. Of nothing else that the issuer would have to be told with it. */
  besideDecision(arrival: HostArrival): BesideDecision {
    const { advices } = this.#options;
    const beside: BesideDecision = {
      isDurable: false,
      tell: (record) => {
        const [advice] = this.decision(arrival, record);
        const draft = advices.draft(advice!);
        if (draft === undefined) return undefined;
        const durable = (): void => {
          draft.durable();
          beside.isDurable = true;
        };
        return { puts: draft.puts, durable };
      },
    };
    return beside;
  }

  /** Of a request that the issuer may have got, and that has come to nothing. @param id of what became of it instead */
  reversal(arrival: HostArrival, sent: SentReference, why: string, id: string, own = this.#options.host.reserveTrace()): Advice {
    const content = this.#content(arrival, id, own, { reason: '4000', approvalCode: '', approved: undefined }, why, sent);
    return this.#advice(arrival, `${id}-reversal`, 'reversal', { ...content, ...reversalContent(content, sent, why) });
  }

  /** The same for whoever comes when nobody here can: it has its trace when it is written. @param dueAtMs Unix ms */
  owed(arrival: HostArrival, sent: SentReference, dueAtMs: number): Owed {
    return { dueAtMs, text: encodeAdvice(this.reversal(arrival, sent, 'timeout', arrival.id, untraced)) };
  }

  /** What is owed, with the trace that it goes out by. */
  overdue(text: string): Advice {
    const { advice } = decodeAdvice(text);
    assert(advice.content.what === 'decision', 'what takes a request back is of a decision');
    return { ...advice, createdAtMs: this.#options.now(), content: { ...advice.content, own: this.#options.host.reserveTrace() } };
  }

  /** Of an advice or a reversal that an acquirer sent: it is passed on; what the issuer may know under another name too is taken back first. */
  forwarded(arrival: HostArrival, record: StandInRecord): Advice[] {
    const too = (record.more?.namesToo ?? []).map((name, index) => this.reversal(arrival, name, 'forwarded', `${record.id}-${index}`));
    return [...too, this.#forwarded(arrival, record)];
  }

  /** What this advice tells was known to the issuer by other names too: they are taken back, the first of a reversal's as far as that says. None where its card does not open. */
  alsoBack(advice: Advice, names: readonly SentReference[]): Advice[] {
    const { policy: { name: destination }, vault, host, now } = this.#options;
    const { content, sealedPan, cardKey } = advice;
    assert(content.what === 'decision', 'what takes a transaction back is of a decision');
    const opened = vault.decryptPan(sealedPan, advice.id);
    if ('error' in opened) return [];
    return names.map((name, index): Advice => {
      const id = `${advice.id}-also${index}`;
      const isPart = advice.kind === 'reversal' && index === 0 && content.replaces === undefined;
      const back = isPart ? { ...content, replaces: name } : { ...content, ...reversalContent(content, name, 'forwarded') };
      return { id, destination, cardKey, kind: 'reversal', createdAtMs: now(), sealedPan: vault.encryptPan(opened.pan, id), content: { ...back, own: host.reserveTrace() } };
    });
  }

  /** What this advice told is taken back, or so much of it is left, after the issuer heard of that too early. None where its card does not open. */
  backAgain(advice: Advice, name: SentReference, leftMinor: number): Advice[] {
    const [back] = this.alsoBack(advice, [name]);
    if (back === undefined || back.content.what !== 'decision') return [];
    const id = `${advice.id}-again`;
    const opened = this.#options.vault.decryptPan(advice.sealedPan, advice.id);
    return 'error' in opened ? [] : [{ ...back, id, sealedPan: this.#options.vault.encryptPan(opened.pan, id), content: { ...back.content, actualMinor: leftMinor === 0 ? undefined : leftMinor } }];
  }

  #forwarded(arrival: HostArrival, record: StandInRecord): Advice {
    const { meaning } = arrival;
    const decided: Reason = meaning.class === 'reversal' ? '4000' : meaning.advisedDecline ? '1000' : '0000';
    const content = this.#content(arrival, record.id, ownOf(record), { reason: decided, approvalCode: meaning.approvalCode, approved: undefined }, 'forwarded', record.names);
    return this.#advice(arrival, record.id, meaning.class, content);
  }

  /** In one turn, so that nothing else comes between them. `durable`: all are on disk; `failed`: the last is not, and never will be. */
  async keep(advices: readonly Advice[], { isRepeat, hasOthers }: { readonly isRepeat: boolean; readonly hasOthers: boolean } = { isRepeat: false, hasOthers: false }): Promise<'durable' | 'failed' | 'unknown'> {
    const file = this.#options.advices;
    // Of a repeat, another switch may have it on its disk, and died before anybody heard of that; or this one has, with the decision.
    const write = async (advice: Advice): Promise<WriteOutcome> => await (isRepeat ? file.writeAgain(advice, hasOthers) : file.write(advice));
    const [only] = advices;
    if (advices.length === 1 && only !== undefined) return await write(only);
    const outcomes = await Promise.all(advices.map(write));
    if (outcomes.every((outcome) => outcome === 'durable')) return 'durable';
    return outcomes.at(-1) === 'failed' ? 'failed' : 'unknown';
  }

  /** @param id of what was decided */
  #content(
    arrival: HostArrival, id: string, own: OwnTrace, decided: Pick<DecisionContent, 'approved' | 'reason' | 'approvalCode'>, standInReason: string, replaces: SentReference | undefined, pin?: RecordMore['pin'],
  ): DecisionContent {
    const { request, meaning, source, receivedAtMs } = arrival;
    return {
      ...adviceContent(request, meaning, source.dialect, { ...decided, standInReason, replaces }),
      what: 'decision', messageId: id, function: meaning.function === 'request' ? 'request' : 'advice', own, wrongPins: pin?.outcome === 'wrong' ? pin.tries : 0,
      pinVerified: pin?.outcome === 'verified', receivedAtMs, decidedAtMs: this.#options.now(),
    };
  }

  #advice({ token, pan }: HostArrival, id: string, kind: Advice['kind'], content: DecisionContent): Advice {
    const { policy, vault, now } = this.#options;
    return { id, destination: policy.name, cardKey: token, kind, createdAtMs: now(), sealedPan: vault.encryptPan(pan, id), content };
  }
}

const untraced: OwnTrace = { stan: '0', transmittedAt: '' };

/** As the record says that the issuer will know it. */
function ownOf({ advised }: StandInRecord): OwnTrace {
  return { stan: advised?.stan ?? '0', transmittedAt: advised?.transmittedAt ?? '' };
}
