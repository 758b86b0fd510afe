/**
 * What operators' commands have in common: they ask the running switch of the configuration, with its token, and say what it said.
 *
 * Refuses with a sentence where no switch answers, or it does not let in whoever asks.
 */
import { askOperator, certificateOf, operatorName, urlOf } from '../program/operator-client.ts';
import type { OperatorRequest } from '../program/operator-client.ts';
import { readOperatorToken } from '../program/operator-token.ts';
import { userName } from '../program/user-name.ts';
import { Failure, UsageError } from './command.ts';
import type { Command, Given, Options, Outside } from './command.ts';
import { configOf, configOption } from './configured.ts';

/** Longer than the switch has for it. */
const timeoutMs = 15_000;

export const operatorOptions: Options = {
  by: { type: 'string', value: '<name>', about: 'who asks, for the record; by default the user of this machine' },
  json: { type: 'boolean', about: 'one JSON document instead of lines for a person' },
  ...configOption,
};

export const whyOption: Options = { why: { type: 'string', value: '<text>', about: 'the reason, for the record' } };

/** Asks the switch. @throws Failure with what it said */
export async function askSwitch<Answer>(given: Given, outside: Outside, request: Omit<OperatorRequest, 'timeoutMs'>): Promise<Answer> {
  const config = configOf(given, outside);
  if (config.http.port === 0) throw new Failure('http.port is 0: the switch draws its port, and only its log has it; set LOCUM_HTTP_PORT to that');
  const url = urlOf(config.http);
  const token = readOperatorToken(config.operator.token, outside.environment);
  const answer = await askOperator({ url, token, certificate: certificateOf(config.http), by: operatorName(given.text('by') ?? userName()) }, { ...request, timeoutMs });
  switch (answer.kind) {
    case 'done':
      // The switch is of the same version as its commands.
      return answer.answer as Answer;
    case 'refused':
      if (answer.status === 401) throw new Failure(`the switch at ${url} does not take this token; is it the one of this configuration?`);
      throw new Failure(answer.detail);
    case 'unreached':
      throw new Failure(`no switch answers at ${url} (${answer.why}); is it running, with this configuration?`);
  }
}

/** The reason that an order has to have. @throws UsageError */
export function whyOf(given: Given): string {
  const why = given.text('why');
  if (why === undefined || why.trim() === '') throw new UsageError('--why is missing: the reason, for the record');
  return why;
}

/** The one operand. @throws UsageError */
export function operandOf(command: Command, given: Given): string {
  const [operand, ...more] = given.operands;
  if (operand === undefined || more.length > 0) throw new UsageError(`${command.name} takes one argument, ${command.operands}`);
  return operand;
}

/** A time for a person, in UTC. */
export function timeWords(atMs: number): string {
  return new Date(atMs).toISOString().replace('T', ' ').replace(/\.[0-9]+Z$/, ' UTC');
}

/** How long, for a person. */
export function durationWords(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
