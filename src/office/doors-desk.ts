/**
 * The doors of cardholders, staff and partners in the office: opened before the book is, so that they say that it is away rather than nothing; and the
 * work that goes on beside them while it is there.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { Deadlines, processSchedule } from '../base/deadlines.ts';
import { LateBook } from '../book/late-book.ts';
import { BookUnavailable } from '../book/book.ts';
import type { Book } from '../book/book.ts';
import { keyWithCertificate } from '../ca/server-certificate.ts';
import { CallerLimits } from '../doors/caller-limits.ts';
import { openDoor } from '../doors/door.ts';
import type { DoorOptions } from '../doors/door.ts';
import { openApiOf, openApiText } from '../doors/openapi.ts';
import { openReference } from '../doors/reference.ts';
import { serveSecureDoor } from '../doors/server.ts';
import type { TlsWatchOutside } from '../doors/tls.ts';
import type { WebhookBacklog } from '../lifecycle/webhook-backlog.ts';
import { composeLifecycle } from './lifecycle-desk.ts';
import type { BackgroundWork } from './background-work.ts';
import type { Lifecycle, LifecycleOutside } from './lifecycle-desk.ts';
import type { Operation } from './operation.ts';
import type { OfficeDoors } from './protocol.ts';
import { watchWebhooks } from './webhook-watch.ts';

export interface DoorsDeskOptions extends Omit<LifecycleOutside, 'book' | 'settings' | 'webhookWatch'> {
  readonly doors: OfficeDoors;
  /** What the book will be. */
  readonly bookKind: Book['kind'];
  readonly registers: Registry[];
  /** Unique, and no secret. */
  readonly newRequestId: () => string;
  readonly tlsWatch: TlsWatchOutside;
  /** How far partners are behind what they are told, every few seconds. */
  readonly webhooksLooked: (backlog: readonly WebhookBacklog[]) => void;
}

/** How late a call that takes too long is refused. */
const deadlineTickMs = 100;

/** Of calls of one operation that had one status. */
interface Counts {
  readonly counted: ReturnType<Counter['labels']>;
  readonly timed: ReturnType<Histogram['labels']>;
}

/** Of one kind of trouble a line is enough for a while. */
const troubleEveryMs = 10_000;

export class DoorsDesk {
  readonly #options: DoorsDeskOptions;
  readonly #book: LateBook;
  readonly #lifecycle: Lifecycle;
  readonly #door: DoorOptions;
  readonly #ending = new AbortController();
  #secure: FastifyInstance | undefined;
  #working: Promise<unknown> = Promise.resolve();
  #troubleAtMs = -Infinity;

  constructor(options: DoorsDeskOptions) {
    const { doors, bookKind, registers, log, now, elapsed, newRequestId } = options;
    this.#options = options;
    this.#book = new LateBook(bookKind);
    this.#lifecycle = composeLifecycle({ ...options, book: this.#book, settings: doors, webhookWatch: watchWebhooks(registers, options.webhooksLooked) });
    const requests = new Counter({ name: 'locum_door_requests_total', help: 'Calls at the doors of cardholders, staff and partners', labelNames: ['operation', 'status'], registers });
    const seconds = new Histogram({ name: 'locum_door_seconds', help: 'From a call\'s arrival to its answer', labelNames: ['operation'], registers, buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10] });
    // Found once each: by its labels a metric is looked for at length.
    const counts = new Map<string, Counts>();
    const countFor = (operation: string, status: number): Counts => {
      const found = { counted: requests.labels({ operation, status: String(status) }), timed: seconds.labels({ operation }) };
      counts.set(`${operation} ${status}`, found);
      return found;
    };
    this.#door = {
      ...this.#lifecycle, now, elapsed, limits: new CallerLimits(elapsed), rates: doors.rates,
      newRequestId, deadlines: new Deadlines(elapsed, processSchedule, deadlineTickMs),
      answered: (operation, who, status, requestId, elapsedMs) => {
        const { counted, timed } = counts.get(`${operation} ${status}`) ?? countFor(operation, status);
        counted.inc();
        timed.observe(elapsedMs / 1_000);
        log.detail('door answered', { operation, who, status, requestId, elapsedMs: Math.round(elapsedMs) });
      },
      failed: (operation, requestId, error) => log.failure('door failed', { operation, requestId, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    };
  }

  /** What operators may ask the office itself for. */
  get operations(): readonly Operation[] {
    return this.#lifecycle.operations;
  }

  /** Opens the doors of cardholders and staff, and the page about all of them. */
  async openOn(server: FastifyInstance): Promise<void> {
    openReference(server, openApiText(openApiOf(this.#door.routes)));
    await openDoor(server, 'mobile', this.#door);
    await openDoor(server, 'admin', this.#door);
  }

  /** Listens at the partners' door. @returns the port that it took @throws Error with a sentence */
  async listen(): Promise<number> {
    const { secure: { host, port, tls, folder }, connectionsMax } = this.#options.doors;
    const names = ['localhost', '127.0.0.1', '::1', host].filter((name, index, all) => name !== '0.0.0.0' && name !== '::' && all.indexOf(name) === index);
    try {
      const served = await serveSecureDoor({ host, port, tls: tls ?? keyWithCertificate(folder, names, this.#options), tlsWatch: this.#options.tlsWatch, connectionsMax, door: this.#door });
      this.#secure = served.server;
      return served.port;
    } catch (error) {
      throw new Error(`partners cannot be served on ${host}:${port}: ${error instanceof Error ? error.message : String(error)} (doors.secure.port, or LOCUM_DOORS_SECURE_PORT, chooses another port)`, { cause: error });
    }
  }

  /** The book is there: services have it from now on, and their work begins. */
  open(book: Book): void {
    this.#book.open(book);
    this.#working = Promise.all(this.#lifecycle.work.map(async (work) => await this.#goOn(work)));
  }

  /** No more calls; what is under way is ended. */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.#secure?.close();
    await this.#working;
    this.#lifecycle.close();
    this.#book.open(undefined);
  }

  async #goOn(work: BackgroundWork): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      let isMore = false;
      try {
        isMore = await work.run();
      } catch (error) {
        this.#trouble(work.name, error);
      }
      if (!isMore) await delay(work.everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #trouble(name: string, error: unknown): void {
    const { log, elapsed } = this.#options;
    const atMs = elapsed();
    if (atMs - this.#troubleAtMs < troubleEveryMs) return;
    this.#troubleAtMs = atMs;
    if (error instanceof BookUnavailable) log.detail('work beside the doors waits', { work: name, error: error.message });
    else log.warning('work beside the doors failed', { work: name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
