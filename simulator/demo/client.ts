// A signed-in client of the hub's public interface, as a browser would be one: cookie, JSON, errors in words.

export class HubClient {
  #base: string;
  #cookie = '';

  constructor(base: string) {
    this.#base = base;
  }

  /** Sends JSON and returns the answer's JSON. @throws Error with the hub's own words. */
  async send<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.#base}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': path.startsWith('/fhir') ? 'application/fhir+json' : 'application/json' }),
        cookie: this.#cookie,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const cookies = answer.headers.getSetCookie().map(cookie => cookie.split(';')[0]);
    if (cookies.length) this.#cookie = cookies.join('; ');
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path.split('?')[0]} answered ${answer.status}: ${text.slice(0, 500)}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  /** Creates a FHIR resource and returns it with its id. */
  async create<T extends { resourceType: string }>(resource: T): Promise<T & { id: string }> {
    return this.send('POST', `/fhir/R4/${resource.resourceType}`, resource);
  }
}
