/** The log of messages in the book: its columns as they are written, and how a person looks through it. */
import type { Param, Queries } from './book.ts';

/** In the order in which a row is written. */
export const messageLogColumns = [
  'received_at', 'elapsed_ms', 'switch', 'station', 'connection', 'direction', 'mti', 'answer_mti', 'class', 'what', 'masked_pan', 'card_token', 'stan', 'rrn', 'acquirer', 'terminal',
  'amount_minor', 'currency', 'message_id', 'routed', 'outcome', 'answered_by', 'reason', 'response_code', 'stand_in_reason', 'detail',
] as const;

export interface MessageLogFilter {
  readonly station?: string | undefined;
  /** Unix ms. */
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  readonly cardToken?: string | undefined;
  /** With or without leading zeros. */
  readonly stan?: string | undefined;
  readonly rrn?: string | undefined;
  /** Id of the transaction. */
  readonly messageId?: string | undefined;
  readonly outcome?: string | undefined;
  /** Message class, `file`, `network` or `other`. */
  readonly class?: string | undefined;
}

export interface MessageLogLine {
  readonly atMs: number;
  readonly elapsedMs: number | undefined;
  readonly switch: string;
  readonly station: string;
  readonly connection: number | undefined;
  readonly direction: 'in' | 'out' | 'none';
  readonly mti: string;
  readonly answerMti: string | undefined;
  readonly class: string;
  readonly what: string;
  readonly maskedPan: string;
  readonly cardToken: string | undefined;
  readonly stan: string;
  readonly rrn: string;
  readonly acquirer: string;
  readonly terminal: string;
  readonly amountMinor: number | undefined;
  readonly currency: string | undefined;
  readonly messageId: string | undefined;
  readonly routed: string;
  readonly outcome: string;
  readonly answeredBy: string;
  readonly reason: string | undefined;
  readonly responseCode: string;
  readonly standInReason: string | undefined;
  readonly detail: string;
}

type Row = Readonly<Record<(typeof messageLogColumns)[number], string | number | Date | null>>;

/** The latest lines that are so, oldest first. @param most lines at most */
export async function readMessageLog(queries: Queries, filter: MessageLogFilter, most: number): Promise<readonly MessageLogLine[]> {
  const params: Param[] = [];
  const parts: string[] = [];
  const want = (condition: string, value: Param | undefined): void => {
    if (value === undefined) return;
    params.push(value);
    parts.push(condition.replace('?', `$${params.length}`));
  };
  want('received_at >= ?', filter.sinceMs === undefined ? undefined : new Date(filter.sinceMs));
  want('received_at < ?', filter.untilMs === undefined ? undefined : new Date(filter.untilMs));
  want('station = ?', filter.station);
  want('card_token = ?', filter.cardToken);
  want(`stan = ? and stan <> ''`, filter.stan?.replace(/^0+(?=.)/, ''));
  want(`rrn = ? and rrn <> ''`, filter.rrn);
  want('message_id = ?', filter.messageId);
  want('outcome = ?', filter.outcome);
  want('class = ?', filter.class);
  params.push(most);
  const where = parts.length === 0 ? '' : ` where ${parts.join(' and ')}`;
  const rows = await queries.query<Row>(`select ${messageLogColumns.join(', ')} from message_log${where} order by received_at desc limit $${params.length}`, params);
  return rows.map(lineOf).reverse();
}

function lineOf(row: Row): MessageLogLine {
  const text = (name: keyof Row): string => String(row[name] ?? '');
  const textOrNone = (name: keyof Row): string | undefined => (row[name] === null ? undefined : String(row[name]));
  const numberOrNone = (name: keyof Row): number | undefined => (row[name] === null ? undefined : Number(row[name]));
  return {
    atMs: (row.received_at as Date).getTime(), elapsedMs: numberOrNone('elapsed_ms'), switch: text('switch'), station: text('station'), connection: numberOrNone('connection'),
    direction: text('direction') as MessageLogLine['direction'], mti: text('mti'), answerMti: textOrNone('answer_mti'), class: text('class'), what: text('what'), maskedPan: text('masked_pan'),
    cardToken: textOrNone('card_token'), stan: text('stan'), rrn: text('rrn'), acquirer: text('acquirer'), terminal: text('terminal'), amountMinor: numberOrNone('amount_minor'),
    currency: textOrNone('currency'), messageId: textOrNone('message_id'), routed: text('routed'), outcome: text('outcome'), answeredBy: text('answered_by'), reason: textOrNone('reason'),
    responseCode: text('response_code'), standInReason: textOrNone('stand_in_reason'), detail: text('detail'),
  };
}
