/** The other end of a test host: a station that is told when to answer, over a real socket. A test file calls `stopHosts` after each test. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { draftNetworkAnswer } from '../../src/dialect/answer.ts';
import { TestHost } from '../../src/cli/host-desk.ts';
import type { HostOptions } from '../../src/cli/host-desk.ts';
import type { HostEvent, HostMessage } from '../../src/cli/host-report.ts';
import type { Message } from '../../src/iso8583/codec.ts';
import { Draft } from '../../src/iso8583/draft.ts';
import { loadFormat } from '../../src/tables/format.ts';
import type { Format } from '../../src/tables/format.ts';
import { Acquirer, until } from '../switch/fixture.ts';

export const pan = '5413330000000019';

export interface RunningHost {
  readonly host: TestHost;
  readonly format: Format;
  readonly events: readonly HostEvent[];
  readonly messages: () => HostMessage[];
}

const hosts: TestHost[] = [];
const sockets: Socket[] = [];

export async function stopHosts(): Promise<void> {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const host of hosts.splice(0)) await host.kill();
}

/** A host that is called, on any port, unless told otherwise. */
export async function startHost(options: HostOptions = {}): Promise<RunningHost> {
  const events: HostEvent[] = [];
  const host = await TestHost.start({
    ...(options.connect === undefined ? { listen: { port: 0 } } : {}), signOn: false, ...options,
    onEvent: (event) => events.push(event),
  });
  hosts.push(host);
  const format = loadFormat({ spec: options.spec ?? 'iso8583-1987-binary' }, 'test');
  return { host, format, events, messages: () => events.filter((event) => event.event === 'message') };
}

/** A connection to the host. */
export async function callHost({ host, format }: RunningHost): Promise<Acquirer> {
  const socket = connect({ host: '127.0.0.1', port: host.port, noDelay: true });
  sockets.push(socket);
  const acquirer = new Acquirer(socket, format.codec, 0);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return acquirer;
}

/** A station that listens: what calls it, oldest first. @param port 0: any */
export async function listenForHost(format: Format, port = 0): Promise<{ readonly port: number; readonly callers: Acquirer[]; next(count?: number): Promise<Acquirer>; close(): void }> {
  const callers: Acquirer[] = [];
  const server = createServer({ noDelay: true, allowHalfOpen: false }, (socket) => {
    sockets.push(socket);
    callers.push(new Acquirer(socket, format.codec, 0));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    callers,
    async next(count = 1) {
      await until(() => callers.length >= count, 'the host connects');
      return callers[count - 1]!;
    },
    close: () => server.close(),
  };
}

/** Takes the host's next message, which is network management with this code, and accepts it unless told otherwise. */
export async function acceptNetwork(acquirer: Acquirer, { dialect }: Format, code: string, refuse = false): Promise<Message> {
  const message = await acquirer.next();
  const found = message.text(dialect.network.field);
  if (message.mti[1] !== '8' || found !== code) throw new Error(`the host sent a ${message.mti} with ${found ?? 'no code'}, not network management ${code}`);
  acquirer.send(draftNetworkAnswer(message, refuse ? '9102' : undefined, dialect, new Draft('0810')));
  return message;
}

/** A message of 1987 about the card. @param changes undefined takes a field away */
export function message1987(mti: string, stan: number, changes: Readonly<Record<number, string | undefined>> = {}): Draft {
  const draft = new Draft(mti);
  const all: Readonly<Record<number, string | undefined>> = {
    2: pan, 3: '000000', 4: '000000001250', 7: '1122101500', 11: String(stan).padStart(6, '0'), 12: '101500', 13: '1122', 14: '3112', 18: '5411', 22: '051', 25: '00',
    32: '476173', 37: String(stan).padStart(12, '0'), 41: 'TERM0001', 42: 'MERCHANT0000123', 49: '978', ...changes,
  };
  for (const [field, text] of Object.entries(all)) if (text !== undefined) draft.set(Number(field), text);
  return draft;
}

/** DE90 of a message that `message1987` made. */
export function original1987(mti: string, stan: number): string {
  return `${mti}${String(stan).padStart(6, '0')}1122101500${'476173'.padStart(11, '0')}${'0'.repeat(11)}`;
}
