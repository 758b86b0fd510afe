/** A mail server on loopback that keeps what it takes; at another time there may be another one at its port. */
import { SMTPServer } from 'smtp-server';
import type { AddressInfo } from 'node:net';

export interface MailServer {
  readonly url: string;
  /** Whole messages, headers first. */
  readonly received: string[];
  /** Mails from now on are refused for the time being, or taken. */
  refuse(refuses: boolean): void;
  close(): Promise<void>;
}

export async function openMailServer(port = 0): Promise<MailServer> {
  const received: string[] = [];
  let refuses = false;
  const server = new SMTPServer({
    authOptional: true, disabledCommands: ['STARTTLS'],
    onData: (stream, _session, callback) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (!refuses) received.push(Buffer.concat(chunks).toString());
        callback(refuses ? Object.assign(new Error('try again later'), { responseCode: 451 }) : null);
      });
    },
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`, received,
    refuse: (now) => {
      refuses = now;
    },
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(resolve);
      });
    },
  };
}
