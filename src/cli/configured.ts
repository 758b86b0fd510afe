/** The configuration as commands read it: by their `--config`, their environment and their folder. */
import { loadConfig } from '../program/config.ts';
import type { Config } from '../program/config.ts';
import type { Given, Options, Outside } from './command.ts';

export const configOption: Options = {
  config: { type: 'string', value: '<file>', about: 'the configuration file; by default that of LOCUM_CONFIG, or locum.json here, or none: the demo' },
};

/** @throws ConfigError */
export function configOf(given: Given, { environment, cwd, hostName }: Outside): Config {
  return loadConfig({ file: given.text('config'), environment, cwd, hostName });
}
