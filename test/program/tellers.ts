/** Acquirers of the running program that send PINs, verification values and keys; and the command line beside it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TestCard, TestKeys } from '../../src/cli/send-card.ts';
import type { Outside } from '../../src/cli/command.ts';
import type { Dialect } from '../../src/dialect/dialect.ts';
import type { CarriedKey } from '../../src/dialect/meaning.ts';
import type { KeyInfo } from '../../src/keys/hsm.ts';
import { Pan } from '../../src/message/pan.ts';
import { loadConfig } from '../../src/program/config.ts';
import { demoCards } from '../../src/program/demo.ts';
import { loadFormat } from '../../src/tables/format.ts';
import { locum } from '../cli/locum.ts';
import { Acquirer, purchase } from '../switch/fixture.ts';
import type { Fields } from '../switch/fixture.ts';
import { keyChange, pinBlock, withBlock } from '../switch/zone.ts';
import { codecOf, eventually, root } from './fixture.ts';
import type { ProgramProcess } from './fixture.ts';

const pinned = join(root, 'node_modules/.bin/node');
const node = existsSync(pinned) ? pinned : process.execPath;

const loadCards = demoCards().filter(({ amountMinor }) => amountMinor > 1_000_000_000).map(({ pan }) => pan);

/** The cards that a teller pays cash to, in turn. */
export const cashCards = loadCards.slice(0, 4);

/** Runs a command beside the program, and expects that it does what it says. @returns what it printed */
export async function command(folder: string, ...words: string[]): Promise<string> {
  const { code, out, err } = await locum(words, { cwd: folder });
  if (code !== 0) throw new Error(`locum ${words.join(' ')}: ${err}${out}`);
  return out;
}

/** Runs a command in a process of its own, which may be killed. */
export function commandProcess(folder: string, ...words: string[]): ChildProcess {
  return spawn(node, [join(root, 'bin/locum.js'), ...words], { cwd: folder, stdio: 'ignore' });
}

/** The key file as `locum key list` has it. */
export async function keysOf(folder: string): Promise<readonly KeyInfo[]> {
  return JSON.parse(await command(folder, 'key', 'list', '--json')) as readonly KeyInfo[];
}

/** Who asks one thing after another on one connection. */
export class Teller {
  readonly acquirer: Acquirer;
  readonly #dialect: Dialect;
  #stan: number;

  private constructor(acquirer: Acquirer, dialect: Dialect, firstStan: number) {
    this.acquirer = acquirer;
    this.#dialect = dialect;
    this.#stan = firstStan;
  }

  static async open(program: ProgramProcess, station: string, firstStan = 1): Promise<Teller> {
    const spec = station.replace('demo', 'iso8583');
    return new Teller(await program.call(station), loadFormat({ spec }, 'test').dialect, firstStan);
  }

  /** Cash with the PIN 1234 under each of these keys, sent at once. @returns what is approved */
  async cash(...keys: readonly Uint8Array[]): Promise<boolean[]> {
    const { codec } = this.acquirer;
    for (const key of keys) {
      const pan = cashCards[this.#stan % cashCards.length]!;
      this.acquirer.send(withBlock(purchase(codec, this.#stan++, { 2: pan, 3: '010000' }), codec, this.#dialect, pinBlock(key, '1234', pan)));
    }
    const answers = new Map<number, boolean>();
    for (const _ of keys) {
      const answer = await this.acquirer.next();
      answers.set(Number(answer.text(11)), /^0+$/.test(answer.text(39)!));
    }
    return [...answers].sort(([a], [b]) => a - b).map(([, approved]) => approved);
  }

  send(key: CarriedKey): void {
    this.acquirer.send(keyChange(this.acquirer.codec, this.#dialect, this.#stan++, key));
  }

  /** Brings a key. @returns the response code */
  async bring(key: CarriedKey): Promise<string | undefined> {
    this.send(key);
    return (await this.acquirer.next()).text(39);
  }
}

/** Stripes with their verification values, by the program's own keys. */
export async function tracksOf(folder: string): Promise<string[]> {
  const keys = new TestKeys(loadConfig({ environment: {}, cwd: folder, hostName: 'test' }), { environment: {}, now: () => Date.now() } as Outside);
  return await Promise.all(loadCards.slice(0, 20).map(async (pan) => await new TestCard(keys, Pan.parse(pan)!, '00').track2('cvv', '3112', 5)));
}

const everyMs = 10;

/** Many purchases a second over several connections, each with a stripe, its verification value and a PIN. */
export class Tellers {
  /** That PIN blocks are under. */
  key: Uint8Array;
  sent = 0;
  readonly codes: string[] = [];
  readonly #running: Promise<unknown>;
  #stopped = false;

  constructor(program: ProgramProcess, station: string, tracks: readonly string[], key: Uint8Array, connections = 4) {
    this.key = key;
    this.#running = Promise.all(Array.from({ length: connections }, async (_each, index) => {
      await this.#work(program.port(station), tracks, 100_000 * (index + 1));
    }));
  }

  get refusals(): string[] {
    return this.codes.filter((code) => code !== '00');
  }

  async approves(more: number): Promise<void> {
    const target = this.codes.length + more;
    await eventually(() => this.codes.length >= target, `${more} more are answered`);
  }

  /** Sends no more, and waits for the answers. @returns how many have none */
  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#running;
    return this.sent - this.codes.length;
  }

  async #work(port: number, tracks: readonly string[], firstStan: number): Promise<void> {
    const codec = codecOf('iso8583-1987-ascii');
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const acquirer = new Acquirer(socket, codec, 0);
    let [stan, taken, lastMs] = [firstStan, 0, performance.now()];
    while (!acquirer.ended && !(this.#stopped && (taken === stan - firstStan || performance.now() - lastMs > 10_000))) {
      for (; taken < acquirer.frames.length; taken += 1) {
        this.codes.push(codec.decode(acquirer.frames[taken]!).text(39) ?? '');
        lastMs = performance.now();
      }
      if (!this.#stopped && stan - firstStan - taken < 50) {
        const track = tracks[stan % tracks.length]!;
        const pan = track.slice(0, 16);
        const fields: Fields = { 2: undefined, 4: '000000000001', 14: undefined, 22: '021', 35: track, 52: pinBlock(this.key, '1234', pan) };
        acquirer.send(purchase(codec, stan++, fields));
        this.sent += 1;
      }
      await delay(everyMs);
    }
    socket.destroy();
  }
}
