/** A process that moves a partner's balance to and fro until it is killed. It says so after some moves. */
import { creditGuardId } from '../../src/account/change.ts';
import { GuardRoom } from '../../src/issuer/guard-room.ts';
import { RedisStore } from '../../src/store/redis.ts';

const [url = '', partitions = '', partner = '', seed = ''] = process.argv.slice(2);
const store = await RedisStore.open({ url, partitions: Number(partitions), commandTimeoutMs: 5_000, replicasMin: 0 });
let drawn = 0;
const newId = (): string => {
  drawn += 1;
  return `${process.pid}.${drawn}`;
};
const room = new GuardRoom({ store, now: Date.now, elapsed: () => performance.now(), newId });
const guardId = creditGuardId(partner);
for (let move = 0; ; move += 1) {
  const total = await room.guardTotal(partner);
  // At random moments: another process has some of it on its way.
  await room.findGuardRoom((move * 3 + Number(seed)) % store.partitions, guardId, Math.floor(total / 2));
  if (move === 7) process.send?.('moving');
}
