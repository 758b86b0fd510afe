/**
 * What is seen of webhooks: metrics of the office, by partner, and how far behind each webhook is, for whoever looks out for alerts. Invariant: a partner
 * whose webhooks are gone is in no gauge any more.
 */
import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { WebhookBacklog } from '../lifecycle/webhook-backlog.ts';

/** Called synchronously; neither throws. */
export interface WebhookWatch {
  /** An attempt had its end; `dead`: it was the last one. */
  attempted(partner: string, outcome: 'delivered' | 'failed' | 'dead'): void;
  /** Of all webhooks, as they are now. */
  looked(backlog: readonly WebhookBacklog[], nowMs: number): void;
}

/** Keeps metrics in the registers. @param looked told of what was seen as well */
export function watchWebhooks(registers: Registry[], looked: (backlog: readonly WebhookBacklog[]) => void): WebhookWatch {
  const labelNames = ['partner'];
  const attempts = new Counter({ name: 'locum_webhook_attempts_total', help: 'Attempts to tell a partner\'s webhooks of an event', labelNames: [...labelNames, 'outcome'], registers });
  const waiting = new Gauge({ name: 'locum_webhook_events_waiting', help: 'Events that wait for a partner\'s webhooks', labelNames, registers });
  const oldest = new Gauge({ name: 'locum_webhook_oldest_seconds', help: 'Age of the oldest of them', labelNames, registers });
  const dead = new Gauge({ name: 'locum_webhook_events_dead', help: 'Events that were given up within a day, and not replayed since', labelNames, registers });
  return {
    attempted: (partner, outcome) => attempts.inc({ partner, outcome }),
    looked: (backlog, nowMs) => {
      for (const gauge of [waiting, oldest, dead]) gauge.reset();
      for (const [partner, own] of Map.groupBy(backlog, (each) => each.partner)) {
        const ages = own.map(({ oldestAtMs }) => (oldestAtMs === undefined ? 0 : Math.max(0, nowMs - oldestAtMs)));
        waiting.set({ partner }, sum(own.map((each) => each.waiting)));
        oldest.set({ partner }, Math.max(...ages) / 1_000);
        dead.set({ partner }, sum(own.map((each) => each.dead)));
      }
      looked(backlog);
    },
  };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
