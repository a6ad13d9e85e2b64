// A stand-in for a mail server: takes every message by SMTP and shows it over HTTP instead of delivering it.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface Mail {
  from: string;
  to: string[];
  /** The whole message as it came (RFC 5322). */
  raw: string;
  receivedAt: string;
}

export interface MailServer {
  /** For HUB_MAIL_URL */
  smtpUrl: string;
  /** GET /messages → Mail[] */
  url: string;
  close(): Promise<void>;
}

/** Port 0: a free one. A message that comes again with the same Message-ID to the same person is kept once, as mail servers do. */
export async function startMailServer({ port, smtpPort }: { port: number; smtpPort: number }): Promise<MailServer> {
  const mails = new Map<string, Mail>();
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', chunk => chunks.push(chunk));
      stream.on('end', () => {
        const raw = Buffer.concat(chunks).toString('utf8');
        const to = session.envelope.rcptTo.map(({ address }) => address);
        const from = session.envelope.mailFrom ? session.envelope.mailFrom.address : '';
        const name = /^message-id:\s*(\S+)/im.exec(raw)?.[1] ?? String(mails.size);
        mails.set(`${name} ${to}`, { from, to, raw, receivedAt: new Date().toISOString() });
        done();
      });
    },
  });
  // A client that goes away in the middle is nothing to end for.
  smtp.on('error', () => undefined);
  await new Promise<void>(resolve => smtp.listen(smtpPort, '127.0.0.1', resolve));
  const http = createServer((request, response) => {
    const known = request.url === '/messages';
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
    response.end(known ? JSON.stringify([...mails.values()]) : '');
  });
  await new Promise<void>((resolve, reject) => http.once('error', reject).listen(port, '127.0.0.1', resolve));
  return {
    smtpUrl: `smtp://127.0.0.1:${(smtp.server.address() as AddressInfo).port}`,
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async close() {
      await new Promise<void>(resolve => smtp.close(() => resolve()));
      http.closeAllConnections();
      await new Promise<void>(resolve => http.close(() => resolve()));
    },
  };
}
