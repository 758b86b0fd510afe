/** What the book has at a place of the store's journal: by it a store knows whether the book is its own. */
import type { PartitionEpoch } from '../store/store.ts';
import type { Queries } from './book.ts';

/** An entry as it was written, or undefined where the book has none there. */
export async function entryAt(queries: Queries, { partition, epoch }: PartitionEpoch, sequence: number): Promise<string | undefined> {
  const [row] = await queries.query<{ readonly entry: string }>('select entry from journal_entry where partition = $1 and epoch = $2 and sequence = $3', [partition, epoch, sequence]);
  return row?.entry;
}
