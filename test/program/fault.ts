/** Loaded into every thread of a program under test: SIGUSR2 makes the thread that FAULT_IN names throw, with a card number in the text. */
import { BroadcastChannel, isMainThread, threadName } from 'node:worker_threads';

const wanted = process.env['FAULT_IN'];
const text = 'a fault while card 4761730000000011 was decided';
const channel = new BroadcastChannel('locum-test-faults');

if (isMainThread) {
  channel.unref();
  process.on('SIGUSR2', () => {
    if (wanted === 'main') setImmediate(() => {
      throw new Error(text);
    });
    else if (wanted === 'rejection') void Promise.reject(new Error(text));
    else channel.postMessage(wanted);
  });
} else {
  channel.addEventListener('message', (message) => {
    if ((message as { readonly data?: unknown }).data !== threadName) return;
    setImmediate(() => {
      throw new Error(text);
    });
  });
  // Listening holds a thread that has nothing else to do.
  channel.unref();
}
