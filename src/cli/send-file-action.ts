/**
 * The file actions that `locum send` makes: what a network would send to lock a card, to unlock it, or to ask whether it is locked.
 *
 * Owns the options of them, and the sentences about what is wrong in those; where each thing stands is the dialect's.
 */
import type { Dialect } from '../dialect/dialect.ts';
import { codeFor, reasonCode } from '../dialect/file-action.ts';
import { writePlace } from '../dialect/places.ts';
import { fileOperations } from '../dialect/rules.ts';
import type { FileOperation, ValuePlace } from '../dialect/rules.ts';
import type { Draft } from '../iso8583/draft.ts';
import type { Spec } from '../iso8583/spec.ts';
import { Pan } from '../message/pan.ts';
import { UsageError } from './command.ts';
import type { Given } from './command.ts';

export interface FileActionWish {
  readonly pan: string;
  readonly operation: FileOperation;
  /** 1 to 8; undefined: no reason is given. */
  readonly lockCode: number | undefined;
  /** Undefined: the stop list, by its first name. */
  readonly file: string | undefined;
}

/** @throws UsageError */
export function fileActionOf(given: Given): FileActionWish {
  const pan = given.text('pan');
  if (pan === undefined) throw new UsageError('fileaction needs --pan');
  if (Pan.parse(pan) === undefined) throw new UsageError('--pan is 8 to 19 digits');
  const word = given.text('action') ?? 'add';
  const operation = fileOperations.find((name) => name === word);
  if (operation === undefined) throw new UsageError(`--action is ${fileOperations.join(', ')}, not ${word}`);
  const code = given.text('code');
  if (code !== undefined && !/^[1-8]$/.test(code)) throw new UsageError(`--code is a lock code from 1 to 8, not ${code}`);
  return { pan, operation, lockCode: code === undefined ? undefined : Number(code), file: given.text('file') };
}

/** Three digits after the edition's, of a file action as it is sent first. @throws UsageError where the dialect has none */
export function fileActionType({ name, fileAction }: Dialect): string {
  const [type] = fileAction?.types ?? [];
  if (type === undefined) throw new UsageError(`the dialect ${name} has no file actions`);
  return type.slice(1);
}

/** @throws UsageError where the dialect has no code for it */
export function setFileAction(draft: Draft, { pan, operation, lockCode, file }: FileActionWish, { name, fileAction: rules }: Dialect, spec: Spec): void {
  if (rules === undefined) throw new UsageError(`the dialect ${name} has no file actions`);
  const write = (place: ValuePlace, value: string | undefined, what: string): void => {
    if (value === undefined || !writePlace(draft, spec, place, value, 'characters')) throw new UsageError(`the dialect ${name} has no code for ${what}`);
  };
  draft.set(2, pan);
  write(rules.operation.place, codeFor(rules.operation, operation), operation);
  write(rules.file, file ?? rules.stopLists[0], 'the stop list');
  if (lockCode !== undefined) write(rules.reason.place, reasonCode(rules, lockCode), `lock code ${lockCode}`);
}
