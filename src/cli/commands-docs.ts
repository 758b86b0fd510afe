/** docs/commands.md, from the commands themselves: so that no option is without its line. */
import type { Command, Example } from './command.ts';
import { commands } from './commands.ts';

export function commandsMarkdown(): string {
  return [
    '# Commands',
    '',
    '<!-- Made by src/cli/commands-docs.ts from the commands; a test compares them, and runs the examples. -->',
    '',
    '`npx locum <command>` is for the clone\'s own folder; in any other, npx would look for a package of that name in npm\'s registry, and the command is `node <clone>/bin/locum.js <command>`. Either runs on the Node that comes with the packages, whatever Node the machine has, if it is 20 or later. `npm start` is `locum start`.',
    '',
    'What goes wrong is said in a sentence on standard error. The exit code is 0 where the command did what it was asked, 1 where it could not, and 2 where the command line is wrong. With `--json` a program reads one JSON document on standard output. Card numbers are masked everywhere.',
    '',
    '| command | what it does |',
    '|---|---|',
    ...commands.map(({ name, summary }) => `| [\`${name}\`](#${name.replace(' ', '-')}) | ${summary} |`),
    '',
    ...commands.flatMap(section),
  ].join('\n');
}

function section(command: Command): string[] {
  const { name, operands, summary, about, options, examples } = command;
  const rows = Object.entries(options).map(([option, { value, about: words }]) => {
    const head = `--${option}${value === undefined ? '' : ` ${value}`}`;
    return `| \`${head.replaceAll('|', '\\|')}\` | ${words} |`;
  });
  return [
    `## ${name}`,
    '',
    `\`locum ${[name, operands].filter((part) => part !== '').join(' ')}\``,
    '',
    `${summary}.`,
    '',
    ...about.flatMap((paragraph) => [paragraph, '']),
    '| option | what it is |',
    '|---|---|',
    ...rows,
    '',
    ...examples.flatMap(exampleLines),
  ];
}

function exampleLines({ line, about }: Example): string[] {
  return [about, '', '```', `npx locum ${line}`, '```', ''];
}
