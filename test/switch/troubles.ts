/** What goes wrong around a switch with a remote issuer: disks that take nothing, stores that die in the middle, time that passes. */
import type { AdviceFile } from '../../src/advice/advice-file.ts';
import { expireDue } from '../../src/issuer/ledger.ts';
import { StoreUnknown } from '../../src/store/store.ts';
import type { CommitItem, CommitResult, PartitionEpoch } from '../../src/store/store.ts';
import { FaultyStore } from '../fault/faulty-store.ts';
import type { HostSwitch } from './hosts.ts';

export type Write = AdviceFile['write'];

/** Every write to the switch's advice file goes through `through`. */
export function writesGo(at: HostSwitch, through: (write: Write, ...of: Parameters<Write>) => ReturnType<Write>): void {
  const { advices } = at.issuers;
  const write = advices.write.bind(advices);
  advices.write = async (advice) => await through(write, advice);
}

/** A disk that takes nothing until there is room. */
export function fullDisk(at: HostSwitch): { isFull: boolean } {
  const disk = { isFull: true };
  writesGo(at, async (write, advice) => (disk.isFull ? 'failed' : await write(advice)));
  return disk;
}

/** What is due is looked for, as the program does it again and again. */
export async function lookForDue({ store, ledger, issuers }: HostSwitch, now: () => number): Promise<void> {
  await expireDue({ store, ledger, now, newId: () => `due${Math.random()}`, recordDays: 7, lapse: async (token, id) => await issuers.lapse(token, id) });
}

/** A reversal after which so much of the purchase stays. */
export function stays(minor: number): Readonly<Record<number, string | undefined>> {
  return { 95: `${String(minor).padStart(12, '0')}${'0'.repeat(12)}C00000000C00000000` };
}

/** A store whose next commit happens, and is not answered; then it is away. */
export class DyingStore extends FaultyStore {
  isArmed = false;

  override async commit(at: PartitionEpoch, items: readonly CommitItem[]): Promise<readonly CommitResult[]> {
    if (!this.isArmed) return await super.commit(at, items);
    this.isArmed = false;
    await super.commit(at, items);
    this.fail({ nth: 1, kind: 'before', persistent: true, on: 'all' });
    throw new StoreUnknown('the connection broke');
  }
}
