/**
 * Puts the lifecycle together: services over the book's tables and the switch's ports, the routes that the doors offer of them, whose session a token is,
 * and the work that goes on beside. It is the one place that knows all of them.
 *
 *   book, ports ──> services (src/lifecycle) ──> routes (src/doors/…-routes.ts) ──> doors
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../base/log.ts';
import type { Book } from '../book/book.ts';
import { readCertificateChanges } from '../book/certificates.ts';
import { WatchedBook } from '../book/watched-book.ts';
import { Admissions } from '../ca/admission.ts';
import type { Authenticators } from '../doors/admit.ts';
import { encryptionRoutes } from '../doors/encryption-routes.ts';
import { Envelope } from '../doors/jwe.ts';
import { peopleRoutes } from '../doors/people-routes.ts';
import { sessionRoutes } from '../doors/session-routes.ts';
import { staffRoutes } from '../doors/staff-routes.ts';
import type { Caller, Route } from '../doors/route.ts';
import { callerName } from '../doors/admit.ts';
import type { ServeOptions } from '../doors/serve-route.ts';
import { Audit } from '../lifecycle/audit.ts';
import { CallerKeys, digestOfKey } from '../lifecycle/caller-keys.ts';
import { Devices } from '../lifecycle/devices.ts';
import { DoorKeys } from '../lifecycle/door-keys.ts';
import { People } from '../lifecycle/people.ts';
import { PeopleKyc } from '../lifecycle/people-kyc.ts';
import { Jobs } from '../lifecycle/jobs.ts';
import type { AccountDesk, CardDesk, CreditDesk, LockDesk } from '../lifecycle/ports.ts';
import { RememberedAnswers } from '../lifecycle/remembered-answers.ts';
import { SecretHasher } from '../lifecycle/secret-hash.ts';
import type { HashCost } from '../lifecycle/secret-hash.ts';
import { SessionKeeper } from '../lifecycle/session-keeper.ts';
import { Sessions } from '../lifecycle/sessions.ts';
import { ShownRows } from '../lifecycle/shown-rows.ts';
import { Staff } from '../lifecycle/staff.ts';
import { refusedMsMinDefault, StaffLogIn } from '../lifecycle/staff-log-in.ts';
import { StaffTotp } from '../lifecycle/staff-totp.ts';
import type { BackgroundWork } from './background-work.ts';
import { composeCards } from './card-desk.ts';
import type { CardSettings } from './card-desk.ts';
import { composeMoney } from './money-desk.ts';
import type { MoneySettings } from './money-desk.ts';
import type { Operation } from './operation.ts';
import { staffOperations } from './staff-operations.ts';
import type { WebhookWatch } from './webhook-watch.ts';

/** What a lifecycle is told by its configuration. */
export interface LifecycleSettings extends MoneySettings, CardSettings {
  /** Hours that an answer under an idempotency key is kept. */
  readonly idempotencyHours: number;
  /** Hours that a service's key that was replaced opens what was encrypted to it. */
  readonly keyOverlapHours: number;
  /** How long a service may take; ms. */
  readonly answerMsMax: number;
  /** How long a session of a cardholder lives. */
  readonly sessionMinutes: number;
  /** How long one of the staff's lives. */
  readonly staffSessionMinutes: number;
}

export interface LifecycleOutside {
  /** Throws BookUnavailable while it is not open. */
  readonly book: Book;
  readonly desk: AccountDesk & LockDesk & CardDesk & CreditDesk;
  /** This switch's name among those on the book. */
  readonly switchName: string;
  readonly settings: LifecycleSettings;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  readonly randomBytes: (count: number) => Buffer;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Told of what becomes of webhooks; nobody where not given. */
  readonly webhookWatch?: WebhookWatch;
  /** Of passwords and app secrets; `hashCost` where not given. */
  readonly hashCost?: HashCost;
  /** How long a log-in that is refused takes at least; ms. `refusedMsMinDefault` where not given. */
  readonly refusedLogInMsMin?: number;
}

export interface Lifecycle extends Omit<ServeOptions, 'now' | 'deadlines' | 'failed'> {
  readonly routes: readonly Route[];
  readonly authenticate: Authenticators;
  readonly admit: (der: Uint8Array) => ReturnType<Admissions['admit']>;
  readonly work: readonly BackgroundWork[];
  /** When no call and no work is under way any more. */
  close(): void;
  /** What operators may ask the office itself for, beside what the switch offers. */
  readonly operations: readonly Operation[];
}

const unwatched: WebhookWatch = { attempted: () => undefined, looked: () => undefined };
const secondMs = 1_000;
const minuteMs = 60_000;
const hourMs = 3_600_000;
const pruneEveryMs = 600_000;
/** Longer than a service may take, so that a claim ends after who has it. */
const holdMs = 60_000;

export function composeLifecycle({ book: outsideBook, desk, switchName, settings, now, elapsed, randomBytes, random, hashCost, refusedLogInMsMin = refusedMsMinDefault, log, webhookWatch = unwatched }: LifecycleOutside): Lifecycle {
  const book = new WatchedBook(outsideBook);
  const rows = new ShownRows({ book, elapsed });
  const doorKeys = new DoorKeys({ book, vault: desk, now, elapsed, randomBytes, maker: switchName, overlapMs: settings.keyOverlapHours * hourMs });
  const callerKeys = new CallerKeys({ book, now, elapsed });
  const memory = new RememberedAnswers({ book, digestKey: async () => await doorKeys.digestKey(), holder: switchName, holdMs });
  const admissions = new Admissions({ read: async (afterChange) => await readCertificateChanges(book, afterChange), now, elapsed });
  const sessions = new SessionKeeper({ book, now, elapsed });
  const audit = new Audit(book);
  const hasher = new SecretHasher(randomBytes, hashCost);
  const people = new People({ book, rows, randomBytes, sessions });
  const totp = new StaffTotp(desk, randomBytes);
  const staff = { staff: new Staff({ book, randomBytes, hasher, totp, sessions }), logIn: new StaffLogIn({ book, randomBytes, hasher, totp, sessions, sessionMs: settings.staffSessionMinutes * minuteMs, elapsed, refusedMsMin: refusedLogInMsMin, pause: async (ms) => await delay(ms) }), audit };
  const cards = composeCards({ book, rows, desk, switchName, settings, now, randomBytes, log });
  const money = composeMoney({ book, rows, desk, settings, now, randomBytes, random, log, webhookWatch });
  const jobs = new Jobs({ book, now, random, handlers: { ...cards.jobHandlers, ...money.jobHandlers } });
  return {
    routes: [
      ...encryptionRoutes({ doorKeys, callerKeys }),
      ...peopleRoutes({ people, kyc: new PeopleKyc(book) }),
      ...sessionRoutes({ devices: new Devices({ book, randomBytes, hasher, sessions }), sessions: new Sessions({ book, randomBytes, hasher, sessions, sessionMs: settings.sessionMinutes * minuteMs }) }),
      ...staffRoutes(staff),
      ...cards.routes,
      ...money.routes,
    ],
    authenticate: {
      user: (token, isFresh) => sessions.authenticateUser(token, isFresh),
      staff: (token, isFresh) => sessions.authenticateStaff(token, isFresh),
    },
    admit: async (der) => await admissions.admit(der),
    memory,
    envelope: new Envelope({
      decryptionKeys: async (isFresh) => await doorKeys.decryptionKeys(isFresh),
      isKeyOf: async (caller, digest) => isDeviceKey(caller, digest) || (caller.kind !== 'nobody' && caller.kind !== 'user' && await callerKeys.isKeyOf(callerName(caller), digest)),
    }),
    audit: async ({ staffId, role, operationId, target, outcome, requestId, atMs }) => {
      await audit.record({ actor: staffId, role, action: operationId, target, outcome, requestId, atMs });
    },
    operations: staffOperations({ staff: staff.staff, audit, now, randomBytes }),
    answerMsMax: settings.answerMsMax,
    work: [
      { name: 'forget old answers', everyMs: pruneEveryMs, run: async () => await memory.prune(settings.idempotencyHours) < 0 },
      { name: 'do jobs', everyMs: secondMs, run: async () => await jobs.runDue() > 0 },
      ...cards.work,
      ...money.work,
    ],
    close: () => money.close(),
  };
}

/** A device's key was registered when it was paired, and came with its session. */
function isDeviceKey(caller: Caller, digest: string): boolean {
  return caller.kind === 'user' && 'encryptionKey' in caller && typeof caller.encryptionKey === 'string' && digestOfKey(Buffer.from(caller.encryptionKey, 'base64')) === digest;
}
