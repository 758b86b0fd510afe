/**
 * Puts together what is about money and about telling partners: balances, transfers, partners' balances, the summary, webhooks and mail. A
 * part of the lifecycle (`lifecycle-desk.ts`).
 */
import type { Log } from '../base/log.ts';
import type { Book } from '../book/book.ts';
import { partnerMoneyRoutes } from '../doors/admin-money-routes.ts';
import { balanceRoutes } from '../doors/balance-routes.ts';
import type { Route } from '../doors/route.ts';
import { transferRoutes } from '../doors/transfer-routes.ts';
import { jobRoutes, webhookRoutes } from '../doors/webhook-routes.ts';
import { balanceSummary } from '../lifecycle/balance-summary.ts';
import { BalanceViews } from '../lifecycle/balance-view.ts';
import { Balances } from '../lifecycle/balances.ts';
import { pruneJobs, readJob } from '../lifecycle/jobs.ts';
import type { JobHandler } from '../lifecycle/jobs.ts';
import { mailJob, openMailer } from '../lifecycle/mail.ts';
import type { MailSettings } from '../lifecycle/mail.ts';
import { PartnerBalances } from '../lifecycle/partner-balances.ts';
import type { AccountDesk, CardDesk, CreditDesk } from '../lifecycle/ports.ts';
import type { ShownRows } from '../lifecycle/shown-rows.ts';
import { TransferSaga } from '../lifecycle/transfer-saga.ts';
import { Transfers } from '../lifecycle/transfers.ts';
import type { TransferLimits } from '../lifecycle/transfers.ts';
import { Delivery } from '../lifecycle/webhook-delivery.ts';
import { openPoster } from '../lifecycle/webhook-post.ts';
import { readWebhookBacklog } from '../lifecycle/webhook-backlog.ts';
import { Webhooks } from '../lifecycle/webhooks.ts';
import type { BackgroundWork } from './background-work.ts';
import type { WebhookWatch } from './webhook-watch.ts';

export interface MoneySettings {
  /** Undefined: no e-mail is sent. */
  readonly mail: MailSettings | undefined;
  readonly webhooks: { readonly allowsPrivate: boolean };
  readonly transfers: TransferLimits;
}

export interface MoneyOutside {
  readonly book: Book;
  readonly rows: ShownRows;
  readonly desk: AccountDesk & Pick<CardDesk, 'sealMessage' | 'openMessage'> & CreditDesk;
  readonly settings: MoneySettings;
  readonly now: () => number;
  readonly randomBytes: (count: number) => Buffer;
  readonly random: () => number;
  readonly log: Log;
  readonly webhookWatch: WebhookWatch;
}

export interface Money {
  readonly routes: readonly Route[];
  readonly work: readonly BackgroundWork[];
  readonly jobHandlers: Readonly<Record<string, JobHandler>>;
  /** Closes what is open towards partners. */
  close(): void;
}

const secondMs = 1_000;
const deliverEveryMs = 250;
const dayMs = 86_400_000;
/** How long a partner may ask for what it was told. */
const eventDays = 30;
/** How long what became of a job can be asked for. */
const jobDays = 90;

export function composeMoney({ book, rows, desk, settings, now, randomBytes, random, log, webhookWatch }: MoneyOutside): Money {
  const balances = new Balances({ book, rows, desk, now, randomBytes });
  const saga = new TransferSaga({
    book, desk, now, random, stuck: (transferId, reason) => log.failure('transfer stands still', { transferId, reason }),
  });
  const transfers = new Transfers({ book, saga, now, randomBytes, limits: settings.transfers });
  const partnerBalances = new PartnerBalances({
    book, desk, now, fellBelow: (partner, kind, leftMinor) => log.warning('partner balance below its level', { partner, kind, leftMinor, isMailed: settings.mail !== undefined }),
  });
  const webhooks = new Webhooks({ book, desk, now, randomBytes, rules: settings.webhooks });
  const poster = openPoster(settings.webhooks);
  const delivery = new Delivery({
    book, desk, post: poster.post, now, random,
    events: {
      delivered: ({ webhookId, partner }) => {
        webhookWatch.attempted(partner, 'delivered');
        log.detail('webhook delivered', { webhookId });
      },
      failed: ({ webhookId, partner }, trouble, isDead) => {
        webhookWatch.attempted(partner, isDead ? 'dead' : 'failed');
        if (isDead) log.warning('webhook given up', { webhookId, partner, trouble });
        else log.detail('webhook not delivered', { webhookId, trouble });
      },
      interrupted: (webhookId, error) => log.detail('webhook waits', { webhookId, error: error instanceof Error ? error.message : String(error) }),
    },
  });
  const mailer = settings.mail === undefined ? undefined : openMailer(settings.mail);
  return {
    routes: [
      ...balanceRoutes({ balances, views: new BalanceViews({ book, rows, desk }) }),
      ...transferRoutes(transfers),
      ...partnerMoneyRoutes({ partnerBalances, summary: async (partner) => await balanceSummary(book, partner) }),
      ...webhookRoutes({ webhooks }),
      ...jobRoutes({ job: async (jobId, whose) => await readJob(book, jobId, whose) }),
    ],
    work: [
      {
        name: 'deliver to webhooks', everyMs: deliverEveryMs,
        run: async () => {
          await delivery.beginDue();
          return false;
        },
      },
      {
        name: 'look at webhooks', everyMs: 5 * secondMs,
        run: async () => {
          const atMs = now();
          webhookWatch.looked(await readWebhookBacklog(book, atMs), atMs);
          return false;
        },
      },
      { name: 'go on with transfers', everyMs: secondMs, run: async () => await saga.resume() > 0 },
      { name: 'go on with balances', everyMs: 5 * secondMs, run: async () => await balances.resume() < 0 },
      { name: 'watch partners\' balances', everyMs: 10 * secondMs, run: async () => await partnerBalances.watch() < 0 },
      { name: 'forget old jobs', everyMs: 60 * secondMs, run: async () => await pruneJobs(book, now() - jobDays * dayMs) > 0 },
      { name: 'forget old events', everyMs: 60 * secondMs, run: async () => await webhooks.prune(now() - eventDays * dayMs) > 0 },
    ],
    jobHandlers: mailer === undefined ? {} : { [mailJob]: mailer.handler },
    close: () => {
      poster.close();
      mailer?.close();
    },
  };
}
