/**
 * Virtual cards that are made after their caller was answered, as jobs of the book. Invariant: a request is one job, and a job one card,
 * whatever is killed in between, as each is known by the key of the one before.
 */
import { createHash } from 'node:crypto';
import type { Book } from '../book/book.ts';
import type { CardIssuing, CardWish } from './card-issuing.ts';
import { addJob } from './jobs.ts';
import type { JobHandler } from './jobs.ts';
import { requirePerson } from './person-rows.ts';

export const cardCreationJob = 'cardCreation';

interface JobInput {
  readonly balanceId?: string;
  readonly holderName?: string;
}

export interface CardJobsOptions {
  readonly book: Book;
  readonly issuing: CardIssuing;
  /** Unix ms. */
  readonly now: () => number;
}

export class CardJobs {
  readonly #options: CardJobsOptions;

  constructor(options: CardJobsOptions) {
    this.#options = options;
  }

  /** Takes the wish on. @returns the job's id; @throws LifecycleRefused where the card would be refused now */
  async createVirtualLater({ requestKey, ...wish }: CardWish): Promise<string> {
    const { book, issuing, now } = this.#options;
    const id = `j_${createHash('sha256').update(`${cardCreationJob}|${requestKey}`).digest().subarray(0, 16).toString('base64url')}`;
    await issuing.requireVirtual(wish);
    const { partner } = await requirePerson(book, { partner: wish.partner, userId: wish.userId });
    const input: JobInput = { ...(wish.balanceId === undefined ? {} : { balanceId: wish.balanceId }), ...(wish.holderName === undefined ? {} : { holderName: wish.holderName }) };
    await addJob(book, { id, kind: cardCreationJob, partner, owner: wish.userId, input, atMs: now() });
    return id;
  }

  /** Makes a job's card. */
  readonly handler: JobHandler = async ({ id, partner, owner, input }) => {
    const { balanceId, holderName } = input as JobInput;
    const { cardId } = await this.#options.issuing.createVirtual({ requestKey: `job:${id}`, userId: owner, partner, balanceId, holderName });
    return { kind: 'done', result: { cardId } };
  };
}
