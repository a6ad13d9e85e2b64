// Somebody at the hub's door in tests: a browser's cookie, plain HTTP answers whatever their status, sockets with acknowledgements.
import { io, type Socket } from 'socket.io-client';

export interface Answer {
  status: number;
  type: string;
  // What came, as JSON where it is JSON.
  body: unknown;
}

export class Visitor {
  readonly #base: string;
  cookie = '';
  readonly #sockets: Socket[] = [];

  constructor(base: string) {
    this.#base = base;
  }

  /** Uses a sign-in link's token. */
  async signIn(url: string): Promise<this> {
    const answer = await fetch(`${this.#base}/api/session/link`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token: url.split('#')[1] }),
    });
    if (!answer.ok) throw new Error(`sign-in answered ${answer.status}`);
    this.cookie = answer.headers
      .getSetCookie()
      .map(cookie => cookie.split(';')[0])
      .join('; ');
    return this;
  }

  /** `body` as JSON, or as it is when it is text. */
  async ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const type = path.startsWith('/fhir') ? 'application/fhir+json' : 'application/json';
    const answer = await fetch(`${this.#base}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': type }), cookie: this.cookie, ...headers },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await answer.text();
    let content: unknown = text;
    try {
      content = JSON.parse(text);
    } catch {
      // Not JSON: as it is.
    }
    return { status: answer.status, type: answer.headers.get('content-type') ?? '', body: content };
  }

  /** Opens a namespace. @throws the server's refusal (`data` holds its words) */
  async socket(namespace: string, headers: Record<string, string> = {}): Promise<Socket> {
    const socket = io(`${this.#base}${namespace}`, {
      forceNew: true,
      reconnection: false,
      transports: ['websocket'],
      extraHeaders: { cookie: this.cookie, ...headers },
    });
    this.#sockets.push(socket);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
    return socket;
  }

  close() {
    for (const socket of this.#sockets) socket.close();
  }
}

/** Asks over a socket; the answer is the hub's acknowledgement. */
export const say = (
  socket: Socket,
  event: string,
  ...sent: unknown[]
): Promise<{ ok: boolean; error?: { code: string; ja: string; en: string } }> => socket.timeout(5000).emitWithAck(event, ...sent);
