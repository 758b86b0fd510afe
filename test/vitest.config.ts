import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Most files wait for servers and processes, so two at a time take half as long as one, on two cores as well.
    maxWorkers: 2,
    // Ends what hangs. No test is told from another by how fast it is: a busy machine may take ten times as long.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    reporters: ['default', './test/reporter.ts'],
  },
});
