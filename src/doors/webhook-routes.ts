/** Routes of partners' webhooks and of jobs. Invariant: a webhook's secret leaves once, encrypted for its partner. */
import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import { eventTypes } from '../lifecycle/events.ts';
import type { JobShown } from '../lifecycle/jobs.ts';
import { LifecycleRefused } from '../lifecycle/refusal.ts';
import type { Webhooks } from '../lifecycle/webhooks.ts';
import { callerOfKind } from './caller-kind.ts';
import { requestKeyOf } from './request-key.ts';
import { route } from './route.ts';
import type { Caller, Route } from './route.ts';
import { idSchema, pageAnswer, pageChoiceOf, pageQuery, pageSchema, timeSchema } from './shapes.ts';

export interface WebhookServices {
  readonly webhooks: Webhooks;
  readonly job: (jobId: string, whose: { readonly partner: string; readonly owner?: string }) => Promise<JobShown>;
}

const tag = 'Webhooks';
const door = 'server';
const base = '/secure/webhooks';
const path = Type.Object({ webhookId: idSchema('webhook', 'The webhook.') });
const type = Type.Union(eventTypes.map((each) => Type.Literal(each)));
const types = Type.Array(type, { maxItems: eventTypes.length, description: 'Of which events; none: of all.' });
const count = Type.Integer({ minimum: 0 });
const states = ['waiting', 'delivered', 'dead'] as const;
const state = Type.Union(states.map((each) => Type.Literal(each)), { description: 'dead: it was tried for three days and a half, and waits for a replay.' });

const signing = `Each event is a POST of JSON, signed as the Standard Webhooks specification has it: \`webhook-signature\` is \`v1,\` and the base64 of HMAC-SHA256 over
\`webhook-id\`, a dot, \`webhook-timestamp\`, a dot, and the body; the key is what stands behind \`whsec_\`, decoded from base64. \`X-Idempotency-Key\` is the event's id: the same
event may come twice. Any 2xx takes it; anything else has it tried again, later each time. Of one card, events come in their order.`;

const shape = { webhookId: idSchema('webhook'), url: Type.String(), types, createdAt: timeSchema('When it was made.') };
const secret = Type.String({ description: '`whsec_` and base64. Shown once.' });
const webhookSchema = Type.Object({ ...shape, failures: count, restingUntil: Type.Optional(timeSchema('Nothing is sent before.')), waiting: count, dead: count });
const deliverySchema = Type.Object({
  eventId: Type.String(), type, occurredAt: timeSchema('When it happened.'), state, attempts: count, dueAt: Type.Optional(timeSchema('The next attempt.')), endedAt: Type.Optional(timeSchema('When it was taken or given up.')),
  lastStatus: Type.Optional(Type.Integer()), lastTrouble: Type.Optional(Type.String()),
});

export function webhookRoutes({ webhooks }: Pick<WebhookServices, 'webhooks'>): Route[] {
  const partnerOf = (caller: Caller): string => callerOfKind(caller, 'partner').partner;
  return [
    route({
      door, method: 'POST', path: base, operationId: 'createWebhook', tag, summary: 'Has events sent to an address', about: signing, isSealed: true,
      body: Type.Object({ url: Type.String({ minLength: 8, maxLength: 2_048 }), types: Type.Optional(types) }), answers: { 201: Type.Object({ ...shape, secret }) },
      run: async (call) => {
        const made = await webhooks.create(partnerOf(call.caller), call.body, requestKeyOf(call));
        return { status: 201, body: { ...made, secret: made.secret.reveal() }, headers: { location: `${base}/${made.webhookId}` } };
      },
    }),
    route({
      door, method: 'GET', path: base, operationId: 'listWebhooks', tag, summary: 'The partner\'s webhooks', answers: { 200: Type.Object({ items: Type.Array(webhookSchema) }) },
      run: async ({ caller }) => ({ status: 200, body: { items: await webhooks.list(partnerOf(caller)) } }),
    }),
    route({
      door, method: 'GET', path: `${base}/{webhookId}`, operationId: 'getWebhook', tag, summary: 'One webhook, and how its deliveries go', params: path, answers: { 200: webhookSchema },
      run: async ({ caller, params: { webhookId } }) => ({ status: 200, body: await webhooks.get(partnerOf(caller), webhookId) }),
    }),
    route({
      door, method: 'DELETE', path: `${base}/{webhookId}`, operationId: 'removeWebhook', tag, summary: 'Nothing more is sent to it', params: path, answers: { 204: null },
      run: async ({ caller, params: { webhookId } }) => {
        await webhooks.remove(partnerOf(caller), webhookId);
        return { status: 204 };
      },
    }),
    route({
      door, method: 'POST', path: `${base}/{webhookId}/secret`, operationId: 'rotateWebhookSecret', tag, summary: 'A new secret', about: 'For a day what is sent is signed with both.', isSealed: true, params: path, answers: { 200: Type.Object({ secret }) },
      run: async (call) => ({ status: 200, body: { secret: (await webhooks.rotate(partnerOf(call.caller), call.params.webhookId, requestKeyOf(call))).reveal() } }),
    }),
    route({
      door, method: 'GET', path: `${base}/{webhookId}/deliveries`, operationId: 'listDeliveries', tag, summary: 'What was or is to be sent, the latest first', params: path, query: Type.Object({ ...pageQuery, state: Type.Optional(state) }),
      answers: { 200: pageSchema(deliverySchema) },
      run: async ({ caller, params: { webhookId }, query }) => pageAnswer(await webhooks.deliveries(partnerOf(caller), webhookId, pageChoiceOf(query), query.state), (item) => item),
    }),
    route({
      door, method: 'POST', path: `${base}/{webhookId}/replay`, operationId: 'replayWebhook', tag, summary: 'Sends events again', about: 'Under the same ids and with the same bodies; also those that happened before the webhook was there, where they were kept for another.', params: path,
      body: Type.Object({
        eventIds: Type.Optional(Type.Array(idSchema('event'), { minItems: 1, maxItems: 1_000 })), since: Type.Optional(Type.String({ format: 'date-time', maxLength: 35, description: 'RFC 3339: what has happened since.' })),
        deadOnly: Type.Optional(Type.Boolean({ description: 'Only what was given up.' })),
      }),
      answers: { 202: Type.Object({ replayed: count }) },
      run: async ({ caller, params: { webhookId }, body: { eventIds, since, deadOnly } }) => {
        const sinceMs = since === undefined ? undefined : Date.parse(since);
        if (Number.isNaN(sinceMs)) throw new LifecycleRefused(400, 'TIME_INVALID', 'must be a time as RFC 3339 writes it', 'since');
        return { status: 202, body: { replayed: await webhooks.replay(partnerOf(caller), webhookId, { eventIds, sinceMs, deadOnly }) } };
      },
    }),
  ];
}

const jobPath = Type.Object({ jobId: idSchema('job', 'The job.') });
const jobSchema: TSchema = Type.Object({
  jobId: idSchema('job'), kind: Type.String(), state: Type.Union(['waiting', 'done', 'failed'].map((each) => Type.Literal(each))), attempts: count, madeAt: timeSchema('When it was asked for.'),
  endedAt: Type.Optional(timeSchema('When it was done, or given up.')), result: Type.Optional(Type.Unknown()), trouble: Type.Optional(Type.String()),
});

export function jobRoutes({ job }: Pick<WebhookServices, 'job'>): Route[] {
  return [
    route({
      door, method: 'GET', path: '/secure/jobs/{jobId}', operationId: 'getJob', tag: 'Jobs', summary: 'What became of a call that was answered with 202', params: jobPath, answers: { 200: jobSchema },
      run: async ({ caller, params: { jobId } }) => ({ status: 200, body: await job(jobId, { partner: callerOfKind(caller, 'partner').partner }) }),
    }),
    route({
      door: 'mobile', method: 'GET', path: '/customers/me/jobs/{jobId}', operationId: 'getJobMobile', tag: 'Jobs', summary: 'What became of a call that was answered with 202', params: jobPath, answers: { 200: jobSchema },
      run: async ({ caller, params: { jobId } }) => {
        const { partner, userId } = callerOfKind(caller, 'user');
        return { status: 200, body: await job(jobId, { partner, owner: userId }) };
      },
    }),
  ];
}
