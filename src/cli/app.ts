/** `locum app pair`: a cardholder's app for trying out the cardholders' door. */
import { resolve } from 'node:path';
import { AppFile } from './app-file.ts';
import { UsageError } from './command.ts';
import type { Command, Options } from './command.ts';
import { doorClient, doorOptions } from './door-place.ts';
import { operandOf } from './operator-desk.ts';

export const appFileDefault = 'app.json';

export const appOption: Options = { app: { type: 'string', value: '<file>', about: `the app's file; ${appFileDefault} by default` } };

export const appPairCommand: Command = {
  name: 'app pair',
  summary: 'Pairs a cardholder\'s app: makes a device\'s keys and says them to the switch, with the code that the partner was given for it',
  operands: '<code>',
  about: [
    'For trying out, and for tests: the app is a file with the device\'s private keys, readable by its owner alone. locum call --app signs with them.',
    'A user has one active device; the one before is retired.',
  ],
  options: {
    ...appOption,
    secret: { type: 'string', value: '<text>', about: 'what confirms what is delicate, such as the app\'s PIN; of a test (others see command lines)' },
    name: { type: 'string', value: '<text>', about: 'what the user calls the device' },
    ...doorOptions,
  },
  examples: [{ line: 'app pair K7QF-2M4H-WX3P-9TRB --secret 2580', about: 'With the code that POST /secure/customers/{customerId}/pairing_codes answered.', needs: 'customer' }],
  async run(given, outside) {
    const code = operandOf(appPairCommand, given);
    const secret = given.text('secret');
    if (secret === undefined) throw new UsageError('--secret is missing: what confirms what is delicate');
    const file = given.text('app') ?? appFileDefault;
    const app = await AppFile.pair(resolve(outside.cwd, file), doorClient(given, outside, 'other'), { code, secret, name: given.text('name') ?? 'locum app' });
    outside.print(`Paired: device ${app.deviceId}. Its keys are in ${file}.`);
    return 0;
  },
};
