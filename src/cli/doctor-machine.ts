/** What `locum doctor` looks at on the machine itself: Node, the data folder, the formats' files. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { compile } from '../iso8583/compile.ts';
import type { Config } from '../program/config.ts';
import { leavesCoreDump, ownLimits, waysOut } from '../program/memory-safety.ts';
import { loadSpecByName, shippedFormats } from '../tables/format.ts';
import type { Outside } from './command.ts';
import { counted, sentence } from './finding.ts';
import type { Finding } from './finding.ts';

const nodeMajorMin = 26;

export function checkNode(version: string): Finding {
  const right = Number.parseInt(version, 10) >= nodeMajorMin;
  return {
    check: 'node',
    state: right ? 'ok' : 'wrong',
    text: `Node ${version}.`,
    todo: right ? undefined : `Node ${nodeMajorMin} or later is needed; npm ci installs it beside the packages.`,
  };
}

/** What would let out the memory of a switch that is started from here, which has keys in it. */
export function checkMemory({ demo }: Config, { environment }: Outside, limits = ownLimits()): Finding[] {
  const found = waysOut({ execArgv: [], options: environment['NODE_OPTIONS'] }).map((way): Finding => ({
    check: 'node', state: demo ? 'note' : 'wrong', text: `In NODE_OPTIONS, ${way}, which lets the switch's keys out of its memory.`,
    todo: demo ? 'Without the demo the switch does not start so.' : 'Take it out: the switch does not start so.',
  }));
  if (!demo && leavesCoreDump(limits)) {
    found.push({ check: 'node', state: 'note', text: 'A process that crashes leaves a core dump here, with its keys in it.', todo: 'Start the switch where ulimit -c is 0, or as a service with LimitCORE=0.' });
  }
  return found;
}

export function checkDataDir({ dataDir }: Config): Finding {
  const found = statSync(dataDir, { throwIfNoEntry: false });
  if (found === undefined) {
    const parent = existingParent(dataDir);
    if (writable(parent)) return { check: 'data folder', state: 'ok', text: `${dataDir} is not there yet; the first start makes it.` };
    return { check: 'data folder', state: 'wrong', text: `${dataDir} is not there, and ${parent} cannot be written to.`, todo: `Make the folder, owned by who runs the switch, or set dataDir (LOCUM_DATA_DIR).` };
  }
  if (!found.isDirectory()) return { check: 'data folder', state: 'wrong', text: `${dataDir} is not a folder.`, todo: 'Set dataDir (LOCUM_DATA_DIR) to one.' };
  if (!writable(dataDir)) return { check: 'data folder', state: 'wrong', text: `${dataDir} cannot be written to.`, todo: 'Give it to who runs the switch (chown), or set dataDir (LOCUM_DATA_DIR).' };
  const open = process.platform !== 'win32' && (found.mode & 0o077) !== 0;
  return { check: 'data folder', state: open ? 'note' : 'ok', text: `${dataDir} can be written to${open ? ', and read by others' : ''}.`, todo: open ? `chmod 700 ${dataDir}` : undefined };
}

function existingParent(path: string): string {
  const parent = dirname(path);
  return parent === path || statSync(parent, { throwIfNoEntry: false }) !== undefined ? parent : existingParent(parent);
}

function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The stations' own formats were read with the configuration. */
export function checkSpecs({ stations }: Config): Finding[] {
  const names = shippedFormats('spec');
  const wrong: Finding[] = [];
  for (const name of names) {
    try {
      compile(loadSpecByName(name, ''));
    } catch (error) {
      wrong.push({ check: 'formats', state: 'wrong', text: sentence(error), todo: 'A shipped format was changed; install it again, or put your own elsewhere and name it by its path.' });
    }
  }
  const used = [...new Set(stations.map(({ spec }) => spec))];
  return wrong.length > 0 ? wrong : [{ check: 'formats', state: 'ok', text: `${counted(names.length, 'shipped format')} in order; the stations use ${used.join(', ') || 'none'}.` }];
}
