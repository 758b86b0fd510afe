/**
 * Log lines for a person at a terminal: the same events and fields, without the JSON. What is masked is masked before it gets here.
 */

interface LineSink {
  write(line: string): void;
}

const levelMarks: Readonly<Record<string, string>> = { warn: '! ', error: '!! ' };

/** Rewrites each line of JSON as `12:00:00 event  name=value …`; a line that is no JSON passes as it is. */
export function readableLines(sink: LineSink): LineSink {
  return {
    write: (line) => {
      sink.write(readableLine(line));
    },
  };
}

function readableLine(line: string): string {
  let parsed: Readonly<Record<string, unknown>>;
  try {
    parsed = JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return line;
  }
  const { level, time, event, thread: _thread, ...fields } = parsed;
  const clock = typeof time === 'string' ? time.slice(11, 19) : '';
  const mark = levelMarks[String(level)] ?? '';
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`).join(' ');
  return `${clock} ${mark}${String(event)}${rest === '' ? '' : `  ${rest}`}\n`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(',');
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
