/** What is wrong with a message's content: the first fault counts, and reading goes on, so that an answer can be made. */
import type { ContentFault } from '../message/message.ts';
import type { Reason } from '../message/reason.ts';

export class Faults {
  first: ContentFault | undefined = undefined;

  /** `text` is a sentence without any value of the message. */
  add(field: number, text: string, reason: Reason = '9100'): void {
    this.first ??= { field: String(field), reason, text };
  }
}
