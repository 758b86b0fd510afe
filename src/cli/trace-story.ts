/**
 * A transaction's story in sentences: what came when, who decided what and why, what it moved.
 *
 * Owns the words. Nothing here is card data: the book's own columns are masked.
 */
import type { MessageLogLine } from '../book/message-log.ts';
import { formatAmount } from '../message/money.ts';
import { reasons } from '../message/reason.ts';
import { standInWords } from './stand-in-words.ts';
import type { Story, TracedHold, TracedTransaction } from '../book/trace.ts';

/** Lines for a person. */
export function storyLines(story: Story): string[] {
  const lines: string[] = [];
  for (const [index, transaction] of story.transactions.entries()) {
    if (index > 0) lines.push('');
    lines.push(...transactionLines(transaction, index === 0 ? undefined : story.transactions[index - 1]));
  }
  if (story.holds.length > 0) lines.push('');
  for (const hold of story.holds) lines.push(holdSentence(hold));
  return lines;
}

/** Of a file action, as the log of messages has it. */
export function fileActionLines({ atMs, mti, what, maskedPan, station, acquirer, stan, messageId, answerMti, responseCode, detail, elapsedMs }: MessageLogLine): string[] {
  const from = [`From station ${station}`, ...(acquirer === '' ? [] : [`acquirer ${acquirer}`]), `STAN ${stan}`];
  return [
    `${timeWords(atMs)}: ${mti}, ${what}, card ${maskedPan}`,
    `  ${from.join(', ')}${messageId === undefined || messageId === '' ? '' : `; here ${messageId}`}.`,
    `  Answered ${answerMti ?? ''} ${responseCode}${elapsedMs === undefined ? '' : ` after ${durationWords(elapsedMs)}`}: ${detail}.`,
  ];
}

function transactionLines(transaction: TracedTransaction, before: TracedTransaction | undefined): string[] {
  const lines = [headSentence(transaction, before), `  ${fromSentence(transaction)}`, `  ${decisionSentence(transaction)}`];
  for (const { check, outcome, value } of transaction.checks) lines.push(`    ${checkWords[check] ?? check}: ${outcome}${value === '' ? '' : ` (${value})`}`);
  for (const flag of transaction.flags) lines.push(`  Flagged: ${flag}.`);
  for (const moved of movedSentences(transaction)) lines.push(`  ${moved}`);
  lines.push(`  ${bookedSentence(transaction)}`);
  return lines;
}

const checkWords: Readonly<Record<string, string>> = {
  content: 'message content',
  luhn: 'check digit',
  cardKnown: 'card known',
  cardState: 'state of the card',
  expiry: 'expiry',
  cardValue: 'verification value',
  pin: 'PIN',
  cryptogram: 'chip\'s cryptogram',
  authentication: 'cardholder authentication',
  limits: 'limits',
  currency: 'currency',
  balance: 'balance',
  partnerBalance: 'partner\'s balance',
  killSwitch: 'kill switch',
  outageCap: 'cap of the outage',
};

const purposeWords: Readonly<Record<string, string>> = {
  purchase: 'purchase',
  cash: 'cash withdrawal',
  refund: 'refund',
  balanceInquiry: 'balance inquiry',
  verification: 'account verification',
  preauthorization: 'pre-authorization',
  increment: 'incremental authorization',
  completion: 'completion',
  pinChange: 'PIN change',
};

function headSentence(transaction: TracedTransaction, before: TracedTransaction | undefined): string {
  const { mti, amount, maskedPan, receivedAtMs } = transaction;
  const purpose = purposeWords[transaction.purpose] ?? transaction.purpose;
  const what = transaction.class === 'reversal' ? `reversal of a ${purpose}` : `${purpose} (${transaction.class} ${transaction.function})`;
  const later = before === undefined ? '' : `, ${durationWords(receivedAtMs - before.receivedAtMs)} later`;
  return `${timeWords(receivedAtMs)}${later}: ${mti}, ${what}${amount === undefined ? '' : ` of ${formatAmount(amount.amountMinor, amount.currency)}`}, card ${maskedPan}${entryWords[transaction.entryMode] ?? ''}`;
}

const entryWords: Readonly<Record<string, string>> = {
  chip: ', by chip',
  contactless: ', without contact',
  stripe: ', by stripe',
  fallback: ', by stripe as the chip could not be read',
  manual: ', typed in',
  ecommerce: ', in e-commerce',
};

function fromSentence({ station, flags, acquirer, terminal, merchant, stan, rrn, transmittedAt, localAt, id, billing }: TracedTransaction): string {
  // What an issuer was told went out, and its answer is the decision.
  const parts = [`${flags.includes('issuerTold') ? 'To' : 'From'} station ${station}`];
  if (acquirer !== '') parts.push(`acquirer ${acquirer}`);
  if (terminal !== '') parts.push(`terminal ${terminal}`);
  const shop = [merchant.id, merchant.name, merchant.category === '' ? '' : `category ${merchant.category}`].filter((part) => part !== '');
  if (shop.length > 0) parts.push(`merchant ${shop.join(' ')}`);
  if (stan !== '') parts.push(`STAN ${stan}`);
  if (rrn !== '') parts.push(`RRN ${rrn}`);
  if (transmittedAt !== '') parts.push(`sent ${transmittedAt}`);
  if (localAt !== '') parts.push(`local time ${localAt}`);
  if (billing !== undefined) parts.push(`billed ${formatAmount(billing.amountMinor, billing.currency)}`);
  return `${parts.join(', ')}; here ${id}.`;
}

function decisionSentence({ decidedBy, standInReason, approved, reason, reasonText, approvalCode, receivedAtMs, decidedAtMs }: TracedTransaction): string {
  const fact = Object.hasOwn(reasons, reason) ? reasons[reason as keyof typeof reasons] : undefined;
  const action = fact === undefined || fact.action === reason ? reason : `${reason}, which has the action code ${fact.action}`;
  const verdict = approved ? 'approved' : reason.startsWith('4') || reason.startsWith('9') ? 'answered' : 'declined';
  const code = approvalCode === '' ? '' : `, approval code ${approvalCode}`;
  const because = standInReason === undefined ? '' : `, ${standInWords(standInReason)},`;
  return `Decided by ${deciderWords[decidedBy] ?? decidedBy}${because} after ${durationWords(decidedAtMs - receivedAtMs)}: ${verdict}: ${reasonText} (${action})${code}.`;
}

const deciderWords: Readonly<Record<string, string>> = { account: 'the account', switch: 'the switch', standin: 'stand-in', issuer: 'the issuer' };

function movedSentences(transaction: TracedTransaction): string[] {
  const { heldChangeMinor, ledgerChangeMinor, postings, accountId, amount, billing, sequence } = transaction;
  const currency = postings[0]?.currency ?? billing?.currency ?? amount?.currency ?? '';
  const sentences: string[] = [];
  if (heldChangeMinor > 0) sentences.push(`Holds ${formatAmount(heldChangeMinor, currency)} more.`);
  if (heldChangeMinor < 0) sentences.push(`Gives back ${formatAmount(-heldChangeMinor, currency)} of what was held.`);
  if (ledgerChangeMinor !== 0) sentences.push(`The balance ${ledgerChangeMinor < 0 ? 'falls' : 'rises'} by ${formatAmount(Math.abs(ledgerChangeMinor), currency)}.`);
  for (const posting of postings) sentences.push(`Posted to ${posting.ledger}: ${formatAmount(posting.amountMinor, posting.currency)}.`);
  if (sentences.length === 0) sentences.push('No money moved.');
  if (accountId !== undefined) sentences.push(`Account ${accountId}, entry ${sequence ?? '?'}.`);
  return sentences;
}

function bookedSentence({ decidedAtMs, bookedAtMs }: TracedTransaction): string {
  return `In the book ${durationWords(bookedAtMs - decidedAtMs)} after the decision.`;
}

function holdSentence({ state, heldMinor, openedMinor, currency, openedAtMs, expiresAtMs, closedAtMs }: TracedHold): string {
  const opened = `Hold of ${formatAmount(openedMinor, currency)}, opened ${timeWords(openedAtMs)}`;
  if (state === 'open') return `${opened}: open with ${formatAmount(heldMinor, currency)}, until ${timeWords(expiresAtMs)}.`;
  const words = { completed: 'completed', reversed: 'reversed', expired: 'expired' }[state];
  return `${opened}: ${words}${closedAtMs === undefined ? '' : ` ${timeWords(closedAtMs)}`}.`;
}

/** `2026-11-22 10:34:05.123 UTC` */
export function timeWords(atMs: number): string {
  return `${new Date(atMs).toISOString().replace('T', ' ').replace('Z', '')} UTC`;
}

export function durationWords(durationMs: number): string {
  const absolute = Math.abs(durationMs);
  if (absolute < 1_000) return `${Math.round(durationMs)} ms`;
  if (absolute < 120_000) return `${(durationMs / 1_000).toFixed(1)} s`;
  if (absolute < 7_200_000) return `${Math.round(durationMs / 60_000)} minutes`;
  if (absolute < 172_800_000) return `${Math.round(durationMs / 3_600_000)} hours`;
  return `${Math.round(durationMs / 86_400_000)} days`;
}
