import type { Reporter, TestModule } from 'vitest/node';

const leftBehindMs = 30_000;

/**
 * Prints the run's result as its last line, `N passed, N failed`, counted from what the runner itself
 * reports. A module that could not be loaded, an error outside any test, and a skipped test each count as failed:
 * a run that did not prove something must not look as if it had.
 */
export default class ResultLine implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandledErrors: ReadonlyArray<unknown>): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        if (test.result().state === 'passed') passed += 1;
        else failed += 1;
      }
    }
    process.on('exit', () => {
      process.stdout.write(`${passed} passed, ${failed} failed\n`);
    });
    // What a failed test has left behind may keep a pipe of this process open; the result does not wait for it.
    setTimeout(() => process.exit(), leftBehindMs).unref();
  }
}
