/** The route by which staff have a file for the bureau written without waiting for the next one (docs/personalisation.md). */
import { Type } from 'typebox';
import { LifecycleRefused } from '../lifecycle/refusal.ts';
import { route } from './route.ts';
import type { Route } from './route.ts';

export interface BureauServices {
  /** Puts orders that wait into files. @returns their names; undefined: this switch writes none */
  readonly writeFiles: (() => Promise<readonly string[]>) | undefined;
}

export function bureauRoutes({ writeFiles }: BureauServices): Route[] {
  return [
    route({
      door: 'admin', method: 'POST', path: '/admin/personalisation_files', operationId: 'writePersonalisationFiles', tag: 'Cards', roles: ['admin', 'manager'],
      summary: 'Writes the orders that wait into files for the bureau, now', about: 'A file for each bureau that something waits for, and those that could not be written before. None where nothing waits.',
      answers: { 200: Type.Object({ files: Type.Array(Type.String({ examples: ['locum-demo-bureau-000007.jsonl'] }), { description: 'Their names in to-bureau, in the order of their numbers.' }) }) },
      run: async () => {
        if (writeFiles === undefined) throw new LifecycleRefused(409, 'PERSONALISATION_ELSEWHERE', 'this switch writes no files for the bureau');
        return { status: 200, body: { files: await writeFiles() } };
      },
    }),
  ];
}
