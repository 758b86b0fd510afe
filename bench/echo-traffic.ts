/** Traffic for the echo servers: a payload of a fixed size, about that of a purchase, with its trace as four bytes in front. */
import { traceMax } from './load.ts';
import type { Traffic } from './load.ts';

export interface EchoTrafficOptions {
  readonly payloadBytes: number;
}

/** See `TrafficModule`. */
export function createTraffic(options: unknown): Traffic {
  const { payloadBytes } = options as EchoTrafficOptions;
  const body = Buffer.alloc(payloadBytes, '0');
  let next = 0;
  return {
    outcome: 'echoed',
    get trace(): number {
      return next;
    },
    writeRequest(target, offset): number {
      next = next + 1 === traceMax ? 0 : next + 1;
      body.copy(target, offset);
      target[offset] = next >>> 16;
      target[offset + 1] = next >>> 8;
      target[offset + 2] = next;
      return offset + payloadBytes;
    },
    readAnswer: (buffer, start) => ((buffer[start] ?? 0) << 16) | ((buffer[start + 1] ?? 0) << 8) | (buffer[start + 2] ?? 0),
  };
}
