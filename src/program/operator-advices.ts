/**
 * What operators do with the advice file of this switch: look through it, have what was set aside sent again, or give it up.
 *
 * Refuses to give up what still waits: an operator ends only what delivery has given up. Invariants: no card number in clear is shown;
 * what is given up stays in the file for tracing, and who did it and why is in the transaction's story.
 */
import type { AdviceFile, FoundAdvice } from '../advice/advice-file.ts';
import type { QueuedAdvice } from '../advice/advice-queue.ts';
import type { Advice } from '../advice/advice.ts';
import { toldEntry } from '../issuer/stand-in-entry.ts';
import type { Heard } from '../issuer/stand-in-message.ts';
import type { CardVault } from '../keys/hsm.ts';
import type { Amount } from '../message/money.ts';
import { OperationRefused } from '../office/operation.ts';
import type { Operation } from '../office/operation.ts';
import { heardOf } from '../switch/host-heard.ts';
import { choice, count, text } from '../tables/schema-parts.ts';
import { whyField } from './operator-tables.ts';

export interface AdvicesOutside {
  readonly file: AdviceFile;
  readonly vault: CardVault;
  /** Puts a line into the story of a card's transaction. */
  /** @param heard what counts as known to the issuer from now on */
  readonly note: (cardToken: string, entry: ReturnType<typeof toldEntry>, heard: Heard | undefined) => void;
  readonly log: { event(name: string, fields: Readonly<Record<string, unknown>>): void };
  /** Unix ms. */
  readonly now: () => number;
}

/** `waiting`: it was never sent. `sent`: it may have been, and was not acknowledged. */
const states = ['waiting', 'sent', 'setAside'] as const;

export interface AdviceLine {
  readonly id: string;
  /** The issuer; of a message to an acquirer, `station:` and its station's name. */
  readonly destination: string;
  readonly kind: Advice['kind'];
  readonly state: (typeof states)[number];
  readonly createdAt: string;
  readonly attempts: number;
  readonly refusals: number;
  /** The last refusal; empty where there was none. */
  readonly why: string;
  readonly lastAttemptAt: string | undefined;
}

export interface AdviceShown extends Omit<AdviceLine, 'state'> {
  readonly state: AdviceLine['state'] | 'accepted' | 'dropped';
  /** Of what it tells. */
  readonly messageId: string;
  /** Empty: no card. */
  readonly maskedPan: string;
  /** What it is known by at its destination. */
  readonly stan: string;
  readonly transmittedAt: string;
  readonly rrn: string;
  /** Of what it tells, as the acquirer sent it. */
  readonly acquirer: { readonly station: string; readonly stan: string; readonly terminal: string; readonly institution: string } | undefined;
  readonly amount: Amount | undefined;
  readonly reason: string;
  readonly approvalCode: string;
  readonly standInReason: string;
  /** The issuer that a message to an acquirer is of; empty: it is none. */
  readonly from: string;
  readonly end: { readonly at: string; readonly by: string; readonly why: string } | undefined;
}

const limitMax = 1_000;
const replayAtOnce = 256;
const idField = text('the advice\'s id', '^[A-Za-z0-9._:-]{1,128}$', 'an id as the list has it');

/** What operators may ask for. */
export function adviceOperations(outside: AdvicesOutside): Operation[] {
  const { file } = outside;
  return [
    {
      name: 'advices list', method: 'GET', path: 'advices', about: 'what waits to be told, or is set aside, at this switch',
      takes: {
        type: 'object', description: 'which', additionalProperties: false, required: [],
        properties: { issuer: text('whom they are for'), state: choice('a state', states), limit: count('advices at most', 1, limitMax, 50) },
      },
      run: async ({ issuer, state, limit }) => await Promise.resolve({ advices: listed(file, issuer as string | undefined, state as AdviceLine['state'] | undefined, limit as number) }),
    },
    {
      name: 'advices show', method: 'GET', path: 'advices/{id}', about: 'one advice, with what it tells',
      takes: { type: 'object', description: 'which', additionalProperties: false, required: ['id'], properties: { id: idField } },
      run: async ({ id }) => shown(await found(file, id as string), outside.vault),
    },
    {
      name: 'advices replay', method: 'POST', path: 'advices/{id}/replay', about: 'has an advice that is set aside sent again',
      takes: { type: 'object', description: 'which', additionalProperties: false, required: ['id'], properties: { id: idField } },
      run: async (input, by) => {
        const id = input['id'] as string;
        const { queued } = await found(file, id);
        if (queued?.state !== 'setAside' || !(await file.replay(id))) throw notSetAside(id, queued);
        outside.log.event('advice replayed', { advice: id, issuer: queued.destination, by });
        return { id, replayed: 1 };
      },
    },
    {
      name: 'advices replay all', method: 'POST', path: 'issuers/{issuer}/advices/replay', about: 'has all of an issuer\'s advices that are set aside sent again',
      takes: { type: 'object', description: 'whose', additionalProperties: false, required: ['issuer'], properties: { issuer: text('the issuer\'s name') } },
      run: async (input, by) => {
        const issuer = input['issuer'] as string;
        const ids = file.setAside(issuer).map(({ id }) => id);
        let replayed = 0;
        for (let from = 0; from < ids.length; from += replayAtOnce) {
          const done = await Promise.all(ids.slice(from, from + replayAtOnce).map(async (id) => await file.replay(id)));
          replayed += done.filter((isReplayed) => isReplayed).length;
        }
        if (replayed > 0) outside.log.event('advices replayed', { issuer, count: replayed, by });
        return { issuer, replayed };
      },
    },
    {
      name: 'advices drop', method: 'POST', path: 'advices/{id}/drop', about: 'gives up an advice that is set aside',
      takes: { type: 'object', description: 'which', additionalProperties: false, required: ['id', 'why'], properties: { id: idField, why: whyField } },
      run: async ({ id, why }, by) => await dropped(outside, id as string, by, why as string),
    },
  ];
}

async function found(file: AdviceFile, id: string): Promise<FoundAdvice> {
  return await file.find(id) ?? refuse(id);
}

function refuse(id: string): never {
  throw new OperationRefused(404, `there is no advice ${id} at this switch; one that was taken is kept for two weeks`, 'id');
}

function notSetAside(id: string, queued: QueuedAdvice | undefined): OperationRefused {
  return new OperationRefused(409, queued === undefined ? `advice ${id} has its end already` : `advice ${id} waits for its delivery; only one that is set aside is replayed or given up`, 'id');
}

async function dropped({ file, vault, note, log, now }: AdvicesOutside, id: string, by: string, why: string): Promise<{ readonly id: string; readonly dropped: true }> {
  const { advice, queued } = await found(file, id);
  if (queued?.state !== 'setAside' || !(await file.drop(id, by, why))) throw notSetAside(id, queued);
  log.event('advice given up', { advice: id, issuer: queued.destination, by, why });
  const { content, cardKey, kind } = advice;
  if (content.what === 'decision') {
    // Whoever gives it up has told the issuer some other way, or wants no more of it.
    const flags = ['adviceGivenUp', `by:${by}`, `why:${why}`];
    const told = { id, messageId: content.messageId, token: cardKey, maskedPan: maskedPanOf(advice, vault), class: content.trace.class, version: '1987', mti: usualMti[kind] ?? '0120', station: content.trace.station, own: content.own, flags } as const;
    note(cardKey, { ...toldEntry(content, told, now()), id: `${id}-dropped`, reason: '9112', decidedBy: 'switch' }, heardOf(advice));
  }
  return { id, dropped: true };
}

/** For the story: as the standard names them, whatever the issuer's edition is. */
const usualMti: Readonly<Partial<Record<Advice['kind'], string>>> = { authorization: '0120', financial: '0220', reversal: '0420' };

function listed(file: AdviceFile, issuer: string | undefined, state: AdviceLine['state'] | undefined, limit: number): AdviceLine[] {
  const lines: AdviceLine[] = [];
  for (const destination of issuer === undefined ? file.destinations.toSorted() : [issuer]) {
    const wanted = (queued: QueuedAdvice): boolean => state === undefined || stateOf(queued) === state;
    // What was never sent lies behind what was: it is looked for in all that waits.
    const waiting = state === 'setAside' ? [] : file.waiting(destination, state === undefined ? limit : Infinity);
    for (const queued of [...waiting, ...(state === undefined || state === 'setAside' ? file.setAside(destination) : [])]) {
      if (lines.length >= limit) return lines;
      if (wanted(queued)) lines.push(lineOf(queued));
    }
  }
  return lines;
}

function stateOf({ state, mayHaveBeenSent }: QueuedAdvice): AdviceLine['state'] {
  if (state === 'setAside') return state;
  return mayHaveBeenSent || state === 'inFlight' ? 'sent' : 'waiting';
}

function lineOf(queued: QueuedAdvice): AdviceLine {
  const { id, destination, kind, createdAtMs, mark: { attempts, refusals, why, lastAttemptAtMs } } = queued;
  return {
    id, destination, kind, state: stateOf(queued), createdAt: new Date(createdAtMs).toISOString(), attempts, refusals, why,
    lastAttemptAt: lastAttemptAtMs === 0 ? undefined : new Date(lastAttemptAtMs).toISOString(),
  };
}

function shown({ advice, end, queued }: FoundAdvice, vault: CardVault): AdviceShown {
  const { id, destination, kind, createdAtMs, content } = advice;
  const line = queued === undefined
    ? { id, destination, kind, createdAt: new Date(createdAtMs).toISOString(), attempts: end?.attempts ?? 0, refusals: 0, why: '', lastAttemptAt: undefined, state: end?.how ?? 'waiting' } as const
    : lineOf(queued);
  const told = content.what === 'message' ? { ...noDecision, ...content.own, from: content.from } : content.what !== 'decision' ? noDecision : {
    from: '', stan: content.own.stan, transmittedAt: content.own.transmittedAt, rrn: content.rrn, amount: content.amount, reason: content.reason, approvalCode: content.approvalCode, standInReason: content.standInReason,
    acquirer: { station: content.trace.station, stan: content.trace.stan, terminal: content.trace.terminal, institution: content.trace.acquirer },
  };
  return {
    ...line, messageId: content.messageId, maskedPan: maskedPanOf(advice, vault), ...told,
    end: end === undefined ? undefined : { at: new Date(end.atMs).toISOString(), by: end.by, why: end.why ?? '' },
  };
}

const noDecision = { from: '', stan: '', transmittedAt: '', rrn: '', amount: undefined, reason: '', approvalCode: '', standInReason: '', acquirer: undefined } as const;

function maskedPanOf({ sealedPan, id }: Advice, vault: CardVault): string {
  if (sealedPan === '') return '';
  const opened = vault.decryptPan(sealedPan, id);
  return 'pan' in opened ? opened.pan.masked : '[masked]';
}
