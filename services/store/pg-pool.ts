/** Connections to the server that is the store now: opened when they are needed, bounded in number, thrown away when they fail. */
import { StoreUnavailable } from "./log.ts";
import { isFull, openPool, type Pool, type PoolClient, type Row, type Statement } from "./pg-client.ts";
import { explain, gaveWay, isGone, isSilence } from "./pg-errors.ts";
import type { PgPlace, Server } from "./pg-place.ts";

export type { Row, Statement };

/** Statements by name. */
export function statements<const T extends Readonly<Record<string, string>>>(texts: T): { readonly [K in keyof T]: Statement } {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, { name: `ringway_${name}`, text }])) as { [K in keyof T]: Statement };
}

export class PgPool {
  readonly #place: PgPlace;
  readonly #connections: number;
  readonly #reads: boolean;
  #open: { readonly server: Server; readonly pool: Pool } | undefined;
  /** who waits for a connection: a pool that is ended answers none of them */
  readonly #waiting = new Map<(error: Error) => void, Pool>();
  #closed = false;

  /**
   * @param connections how many at most
   * @param reads nothing is written by it: it goes on where the server can't confirm a commit
   */
  constructor(place: PgPlace, connections: number, reads = false) {
    this.#place = place;
    this.#connections = connections;
    this.#reads = reads;
  }

  /**
   * Runs one statement, which is one transaction.
   * @throws StoreUnavailable; what was written may be kept all the same, or be kept later
   */
  async query(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    try {
      return await this.#once(statement, values).catch((error: unknown) => (gaveWay(error) ? this.#once(statement, values) : Promise.reject(error as Error)));
    } catch (error) {
      throw explain(error, this.#place.place, this.#place.user);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const open = this.#open;
    this.#open = undefined;
    await open?.pool.end();
  }

  async #once(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    const { server, client } = await this.#connection();
    try {
      const { rows } = await client.query<Row>({ ...statement, values: values.map(sendable) });
      client.release();
      return rows;
    } catch (error) {
      client.release(error as Error);
      if (isGone(error) || (isSilence(error) && this.#reads)) this.#lose(server);
      else if (isSilence(error)) this.#place.doubt(server);
      throw error;
    }
  }

  /** Nothing has been sent where there is none: what is gone is looked for once more. */
  async #connection(again = true): Promise<{ readonly server: Server; readonly client: PoolClient }> {
    const server = await this.#place.server(this.#reads);
    try {
      return { server, client: await this.#connect(server) };
    } catch (error) {
      if (!again || isFull(error) || !isGone(error)) throw error;
      return this.#connection(false);
    }
  }

  async #connect(server: Server): Promise<PoolClient> {
    const pool = this.#poolOf(server);
    try {
      return await new Promise<PoolClient>((resolve, reject) => {
        this.#waiting.set(reject, pool);
        pool.connect().then(
          (client) => (this.#waiting.delete(reject) ? resolve(client) : client.release()),
          (error: Error) => (this.#waiting.delete(reject) ? reject(error) : undefined),
        );
      });
    } catch (error) {
      // Where all connections are in use, here or at the server, it is not away.
      if (!isFull(error) && isGone(error)) this.#lose(server);
      throw error;
    }
  }

  #poolOf(server: Server): Pool {
    if (this.#closed) throw new StoreUnavailable("it is closed");
    if (this.#open?.server !== server) {
      this.#end();
      const accept = ({ started }: { readonly started: string }): void => {
        if (started !== server.started) throw new Error("it was restarted");
      };
      this.#open = { server, pool: openPool(server.url, this.#connections, accept, () => this.#lose(server)) };
    }
    return this.#open.pool;
  }

  #lose(server: Server): void {
    this.#place.lose(server);
    if (this.#open?.server === server) this.#end();
  }

  /** What is under way on its connections is answered; nothing else is. */
  #end(): void {
    const pool = this.#open?.pool;
    this.#open = undefined;
    void pool?.end();
    for (const [reject, waitsFor] of this.#waiting) {
      if (waitsFor !== pool) continue;
      this.#waiting.delete(reject);
      reject(new Error("its connections broke"));
    }
  }
}

/** PostgreSQL's text holds no NUL. Whoever asks for a name with one is told that there is none, as with a lone surrogate, of which UTF-8 makes the same. */
function sendable(value: unknown): unknown {
  if (typeof value === "string") return value.includes("\0") ? value.replaceAll("\0", "\ufffd") : value;
  return Array.isArray(value) && value.some((item) => typeof item === "string" && item.includes("\0")) ? value.map(sendable) : value;
}
