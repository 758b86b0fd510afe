/**
 * Puts cards together: their services, routes and jobs, and what goes on beside: cards whose maker ended in between, and the bureau's files.
 */
import { mkdir } from 'node:fs/promises';
import type { Log } from '../base/log.ts';
import type { Book } from '../book/book.ts';
import { bureauRoutes } from '../doors/bureau-routes.ts';
import { cardRoutes } from '../doors/card-routes.ts';
import type { Route } from '../doors/route.ts';
import { CardBureau } from '../lifecycle/card-bureau.ts';
import { CardIssuing } from '../lifecycle/card-issuing.ts';
import { cardCreationJob, CardJobs } from '../lifecycle/card-jobs.ts';
import { CardLinking } from '../lifecycle/card-linking.ts';
import { Cards } from '../lifecycle/cards.ts';
import type { JobHandler } from '../lifecycle/jobs.ts';
import type { AccountDesk, CardDesk, LockDesk } from '../lifecycle/ports.ts';
import type { ShownRows } from '../lifecycle/shown-rows.ts';
import type { BackgroundWork } from './background-work.ts';

export interface CardSettings {
  /** Where files for the bureau are written, and its own looked for; undefined: not by this switch. */
  readonly personalisation?: {
    /** Absolute. */
    readonly folder: string;
    /** How often orders that wait are put into a file. */
    readonly everySeconds: number;
  };
}

export interface CardDeskOptions {
  readonly book: Book;
  readonly rows: ShownRows;
  readonly desk: AccountDesk & LockDesk & CardDesk;
  readonly switchName: string;
  readonly settings: CardSettings;
  /** Unix ms. */
  readonly now: () => number;
  readonly randomBytes: (count: number) => Buffer;
  readonly log: Log;
}

export interface CardParts {
  readonly routes: readonly Route[];
  readonly jobHandlers: Readonly<Record<string, JobHandler>>;
  readonly work: readonly BackgroundWork[];
}

const finishEveryMs = 5_000;
const confirmationsEveryMs = 2_000;

export function composeCards({ book, rows, desk, switchName, settings: { personalisation }, now, randomBytes, log }: CardDeskOptions): CardParts {
  const issuing = new CardIssuing({ book, accounts: desk, cards: desk, now, randomBytes });
  const cards = new Cards({ book, rows, accounts: desk, locks: desk, cards: desk, issuing, now });
  const jobs = new CardJobs({ book, issuing, now });
  const work: BackgroundWork[] = [{ name: 'finish cards', everyMs: finishEveryMs, run: async () => await issuing.finishDrawn() > 0 }];
  let writeFiles: (() => Promise<readonly string[]>) | undefined;
  if (personalisation !== undefined) {
    const bureau = new CardBureau({ book, linking: new CardLinking({ book, cards, now }), folder: personalisation.folder, switchName, now });
    writeFiles = async () => await filesWritten(bureau, personalisation.folder, log);
    work.push(
      { name: 'write personalisation files', everyMs: personalisation.everySeconds * 1_000, run: async () => (await filesWritten(bureau, personalisation.folder, log)).length < 0 },
      { name: 'take confirmations in', everyMs: confirmationsEveryMs, run: async () => await confirmationsTaken(bureau, log) },
    );
  }
  return { routes: [...cardRoutes({ cards, issuing, jobs }), ...bureauRoutes({ writeFiles })], jobHandlers: { [cardCreationJob]: jobs.handler }, work };
}

async function filesWritten(bureau: CardBureau, folder: string, log: Log): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files = await bureau.writeFiles();
  for (const file of files) log.event('personalisation file written', { file });
  return files;
}

async function confirmationsTaken(bureau: CardBureau, log: Log): Promise<boolean> {
  for (const { file, refused, linked, rejected, repeated, wrong } of await bureau.takeConfirmations()) {
    const facts = { file, linked, rejected, repeated, wrong: wrong.length };
    if (refused !== undefined) log.warning('confirmation file refused', { file, why: refused });
    else if (wrong.length > 0 || rejected > 0) log.warning('confirmation file taken', facts);
    else log.event('confirmation file taken', facts);
  }
  return false;
}
