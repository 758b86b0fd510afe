import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { settingsOf, variableOf } from '../../src/tables/environment.ts';
import { configSchema } from '../../src/program/config-schema.ts';
import { loadConfig } from '../../src/program/config.ts';
import { demoTables } from '../../src/program/demo-tables.ts';
import { tableNames } from '../../src/tables/tables.ts';
import { tableSchemas } from '../../src/tables/schema.ts';

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly stop_grace_period?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
}

const compose = parse(readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8')) as {
  readonly services: Readonly<Record<'redis' | 'postgres' | 'switch', Service>>;
  readonly volumes: Readonly<Record<string, null>>;
};

test('the compose file describes Redis, PostgreSQL and the switch that waits for them', () => {
  expect(Object.keys(compose.services).sort()).toEqual(['postgres', 'redis', 'switch']);
  expect(compose.services.switch.depends_on).toEqual({ redis: { condition: 'service_healthy' }, postgres: { condition: 'service_healthy' } });
  expect(compose.services.redis.healthcheck).toBeDefined();
  expect(compose.services.postgres.healthcheck).toBeDefined();
});

test('its Redis loses nothing that was acknowledged', () => {
  const command = compose.services.redis.command?.join(' ');
  expect(command).toContain('--appendonly yes');
  expect(command).toContain('--appendfsync always');
  expect(command).toContain('--maxmemory-policy noeviction');
});

test('every variable that it sets for the switch is one that the switch reads', () => {
  const known = new Set(['REDIS_URL', 'DATABASE_URL']);
  for (const { path } of settingsOf(configSchema, {}, [])) known.add(variableOf(path));
  for (const { kind, name, document } of demoTables) {
    const table = tableNames[kind];
    for (const { path } of settingsOf(tableSchemas[table].items, document, [table, name])) known.add(variableOf(path));
  }
  const set = Object.keys(compose.services.switch.environment ?? {});
  expect(set.filter((name) => !known.has(name))).toEqual([]);
  expect(set).toContain('REDIS_URL');
  expect(set).toContain('DATABASE_URL');
});

test('a stop reaches the switch itself, and leaves it more time than it may take', () => {
  const { command = [], stop_grace_period: graceful = '10s' } = compose.services.switch;
  expect(command.at(-1)).toMatch(/(?:^|&& )exec node bin\/locum\.js start$/);
  const { deadlines } = loadConfig({ environment: {}, cwd: '/nowhere', hostName: 'host' });
  expect(Number.parseInt(graceful, 10) * 1_000).toBeGreaterThan(deadlines.stopMs);
});

test('it publishes the demo’s ports, to this machine only', () => {
  expect(compose.services.switch.ports).toEqual(['127.0.0.1:8080:8080', '127.0.0.1:8443:8443', '127.0.0.1:8583:8583', '127.0.0.1:8584:8584', '127.0.0.1:8585:8585']);
});

test('every named volume that a service uses is declared', () => {
  const used = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes).map((volume) => volume.split(':')[0] ?? '');
  expect(used.filter((name) => !name.startsWith('.') && !(name in compose.volumes))).toEqual([]);
});
