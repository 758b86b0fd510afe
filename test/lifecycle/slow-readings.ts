/** Readings of a book that answers when the test says so. */

/** One reading that waits for its answer. */
export interface Reading {
  readonly keys: readonly string[];
  answer(): Promise<void>;
  fail(): Promise<void>;
}

export async function settled(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A reading sees the book as it is when it begins. @param readings where it is put, to be answered */
export async function readSlowly<Value>(kept: ReadonlyMap<string, Value>, keys: readonly string[], readings: Reading[]): Promise<ReadonlyMap<string, Value>> {
  const found = new Map([...kept].filter(([key]) => keys.includes(key)));
  const { promise, resolve, reject } = Promise.withResolvers<ReadonlyMap<string, Value>>();
  readings.push({
    keys,
    answer: async () => {
      resolve(found);
      await settled();
    },
    fail: async () => {
      reject(new Error('the book is away'));
      await settled();
    },
  });
  return await promise;
}
