/**
 * E-mail to partners, as jobs: what is to be sent is a row, and is tried until a server has taken it.
 *
 * Invariants: a mail is sent at least once, and under one Message-ID, by which a receiver's server knows a double; credentials go over TLS
 * alone.
 */
import { createTransport } from 'nodemailer';
import type { Transporter } from 'nodemailer';
import type { JobHandler } from './jobs.ts';

export interface MailSettings {
  /** `smtp://` or `smtps://`, with user and password where the server asks for them. */
  readonly url: string;
  /** Sender: an address, or a name and an address in angle brackets. */
  readonly from: string;
}

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** The kind of jobs that are mails. */
export const mailJob = 'mail';

const connectMs = 10_000;
const answerMs = 20_000;

export interface Mailer {
  /** For jobs of the kind `mailJob`, whose input is a `Mail`. */
  readonly handler: JobHandler;
  /** Closes what is open. */
  close(): void;
}

/** @param settings.url as the configuration has checked it */
export function openMailer({ url, from }: MailSettings): Mailer {
  const { protocol, hostname, port, username, password } = new URL(url);
  const isTls = protocol === 'smtps:';
  const transport: Transporter = createTransport({
    host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (isTls ? 465 : 587) : Number(port), secure: isTls,
    connectionTimeout: connectMs, greetingTimeout: connectMs, socketTimeout: answerMs, disableFileAccess: true, disableUrlAccess: true,
    ...(username === '' ? {} : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) }, requireTLS: true }),
  });
  const domain = /@([A-Za-z0-9.-]+)>?$/.exec(from)?.[1] ?? 'localhost';
  return {
    handler: async ({ id, input }) => {
      const { to, subject, text } = input as Mail;
      // What a server refuses may be a mailbox that is full, or a name that is mistyped and put right: it is tried until the attempts are over.
      await transport.sendMail({ from, to, subject, text, messageId: `<${id}@${domain}>` });
      return { kind: 'done', result: null };
    },
    close: () => transport.close(),
  };
}
