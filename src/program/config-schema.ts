/**
 * The configuration file's schema: what checks it, names the variables that override it, and documents it.
 */
import type { ObjectSchema, RangeSchema, TextSchema } from '../base/schema.ts';
import { rowNames } from '../tables/schema-parts.ts';
import { tableSchemas } from '../tables/schema.ts';
import { doorsSchema } from './config-doors.ts';
import { cardSchemas } from './config-cards.ts';
import { moneySchemas } from './config-money.ts';

const dayMs = 86_400_000;

function durationMs(description: string, minimum: number, byDefault: number): RangeSchema {
  return { type: 'integer', description: `${description}; milliseconds`, minimum, maximum: dayMs, default: byDefault };
}

function count(description: string, minimum: number, maximum: number, byDefault?: number): RangeSchema {
  return { type: 'integer', description, minimum, maximum, ...(byDefault === undefined ? {} : { default: byDefault }) };
}

function text(description: string): TextSchema {
  return { type: 'string', description, minLength: 1 };
}

/** An address that may carry a password, so what stands there is not shown. */
function address(description: string, pattern: string, words: string): TextSchema {
  return { type: 'string', description, minLength: 1, pattern, $comment: words, writeOnly: true };
}

function tokenPlace(description: string): ObjectSchema {
  return {
    type: 'object',
    description,
    additionalProperties: false,
    required: [],
    default: {},
    properties: {
      file: text('a file that only its owner can read'),
      variable: { type: 'string', description: 'the environment variable that has it', minLength: 1, pattern: '^[A-Za-z_][A-Za-z0-9_]*$', $comment: 'the name of an environment variable' },
    },
  };
}

export const configSchema: ObjectSchema = {
  type: 'object',
  description: 'the configuration',
  additionalProperties: false,
  required: [],
  properties: {
    dataDir: { ...text('the folder of everything that the program writes'), default: './data' },
    demo: {
      type: 'boolean',
      description: 'whether the demo program is made on the first start: stations, cards, keys. By default it is where there is no configuration file, and is not where there is one',
    },
    switchName: {
      type: 'string',
      description: 'this switch\'s name, of which there is one among all switches on the same store: a part of every message\'s id. By default it is made from the host\'s name and dataDir',
      minLength: 1,
      pattern: '^[a-z0-9]{1,8}$',
      $comment: '1 to 8 of a-z and 0-9',
    },
    log: {
      type: 'object',
      description: 'the operations log, a line of JSON for each event, on standard output',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        level: { type: 'string', description: 'the least important event that is written', enum: ['debug', 'info', 'warn', 'error', 'silent'], default: 'info' },
      },
    },
    http: {
      type: 'object',
      description: 'health, readiness, metrics, the operators\' door, and the doors of cardholders (/customers/me) and staff (/admin)',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        host: { ...text('the address; 0.0.0.0 or :: for all'), default: '127.0.0.1' },
        port: count('the port; 0 for one that is free', 0, 65_535, 8080),
        tls: {
          type: 'object',
          description: 'TLS at this address; both files or none. Without them it is HTTP in clear, for a loopback address or behind what ends TLS',
          additionalProperties: false,
          required: [],
          default: {},
          properties: { certificateFile: text('the certificate, with those between it and its authority behind it; PEM'), keyFile: text('its private key; PEM') },
        },
        trustedProxies: {
          type: 'array',
          description: 'addresses and networks (such as 10.0.0.0/8) of what stands before this address: its X-Forwarded-For says whose requests are counted. Anybody else\'s is ignored',
          items: text('an address, or a network as address/bits'),
          default: [],
        },
      },
    },
    doors: doorsSchema,
    ...moneySchemas,
    ...cardSchemas,
    store: {
      type: 'object',
      description: 'where accounts are',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        engine: { type: 'string', description: 'by default redis where there is a url, else sqlite', enum: ['sqlite', 'redis'] },
        file: text('the file of sqlite; by default store.sqlite in dataDir'),
        url: address('the server of redis, or several of a Redis Cluster with commas between them; also as REDIS_URL', '^rediss?://', 'an address that starts with redis:// or rediss://'),
        partitions: count('parts that commit independently of each other, fixed when the store is made; by default 1 of sqlite and 4 of redis', 1, 1024),
        replicasMin: count('how many replicas of redis have a commit before it is answered', 0, 16, 0),
        commandTimeoutMs: durationMs('how long a command to redis may take before its outcome counts as unknown', 10, 2_000),
      },
    },
    book: {
      type: 'object',
      description: 'the record in PostgreSQL',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        databaseUrl: address('the server; also as DATABASE_URL. Without it the book is embedded, in dataDir', '^postgres(?:ql)?://', 'an address that starts with postgresql://'),
        lagEntriesMax: count('journal entries that the book may be behind; above it requests are refused', 1_000, 1_000_000_000, 1_000_000),
        refreshMs: durationMs('how often the system tables are read again', 100, 5_000),
        drain: {
          type: 'boolean',
          description: 'whether this process writes the journal into the book; not where another process on the same store does',
          default: true,
        },
        messageLogDays: count('days of the log of messages that are kept (docs/book.md); 0: none is written', 0, 3_660, 30),
        messageLogLinesMax: count('lines of it that wait for the book; more are counted and lost', 1_000, 10_000_000, 100_000),
        startWaitMs: durationMs('how long a start waits for the book before it takes the system tables from local disk', 0, 3_000),
      },
    },
    keys: {
      type: 'object',
      description: 'keys, wrapped under the master key',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        keyFile: text('by default keys.json in dataDir'),
        masterKey: {
          type: 'object',
          description: 'where the master key is; one of the two. By default master.key in dataDir, or LOCUM_MASTER_KEY where that is set',
          additionalProperties: false,
          required: [],
          default: {},
          properties: {
            file: text('a file that only its owner can read'),
            variable: {
              type: 'string',
              description: 'the environment variable that has it',
              minLength: 1,
              pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
              $comment: 'the name of an environment variable',
            },
          },
        },
      },
    },
    operator: {
      type: 'object',
      description: 'the door for operators: /operator/… of the HTTP address',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        token: tokenPlace('where the token is that operators show; one of the two. By default operator.token in dataDir, which the switch makes, or LOCUM_OPERATOR_TOKEN where that is set'),
        peers: {
          type: 'map',
          description: 'the other switches on the same store, by the names that answers call them by: they are told of operators\' locks of cards. Each has a url, and a token (file or variable) where that is not this switch\'s own',
          names: rowNames,
          default: {},
          items: {
            type: 'object',
            description: 'another switch',
            additionalProperties: false,
            required: ['url'],
            properties: {
              url: { type: 'string', description: 'its HTTP address', minLength: 1, pattern: '^https?://[^/@?#\\s]+$', $comment: 'an address such as http://10.0.0.2:8080, without a path' },
              token: tokenPlace('where its token is; one of the two. By default it is this switch\'s own'),
            },
          },
        },
      },
    },
    deadlines: {
      type: 'object',
      description: 'how long things may take',
      additionalProperties: false,
      required: [],
      default: {},
      properties: {
        answerMs: durationMs('from a request\'s arrival to its answer', 50, 5_000),
        stopMs: durationMs('from a stop\'s begin to its end', 100, 10_000),
        expiryScanMs: durationMs('between two looks for holds whose time has come', 100, 10_000),
      },
    },
    ...tableSchemas,
  },
};
