/**
 * Connections to one PostgreSQL database: opened when they are needed, bounded in number, thrown away when they fail. The
 * one file that knows `pg`.
 */
import pg from "pg";
import { StoreRefused, StoreUnavailable } from "./log.ts";
import { migrate, migrations } from "./pg-schema.ts";

/** A statement that is prepared once per connection, under its name. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Statements by name. */
export function statements<const T extends Readonly<Record<string, string>>>(texts: T): { readonly [K in keyof T]: Statement } {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, { name: `ringway_${name}`, text }])) as { [K in keyof T]: Statement };
}

/** What runs statements on one connection. */
export interface Session {
  query(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

export type Row = Readonly<Record<string, unknown>>;

const timing = {
  /** to get a connection, a new one or one that is in use */
  connectMs: 5_000,
  /** for an answer; what runs longer on the server is cancelled there */
  answerMs: 5_000,
  /** for an answer to a migration */
  migrateMs: 120_000,
  /** while a database that can't be reached isn't tried again */
  restMs: 100,
  idleMs: 60_000,
};

/**
 * What holds for every connection: no statement outlives its caller's patience by much, no transaction that waits for its caller holds others
 * up, and a commit is on disk before it is answered, however the database is set up. Plans are made once, when tables may be small, and must
 * be those of large ones, whose statistics nobody has yet: all goes by an index.
 */
const settings: Readonly<Record<string, string>> = {
  statement_timeout: String(timing.answerMs),
  idle_in_transaction_session_timeout: String(timing.answerMs),
  plan_cache_mode: "force_generic_plan",
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
};
const session = `select ${Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', false)`).join(", ")},
  case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', false) end`;

/** int8 as numbers: ours are at most 2^53 - 1. */
const types = {
  getTypeParser: ((oid: number, format: "text") => (oid === 20 ? Number : pg.types.getTypeParser(oid, format))) as typeof pg.types.getTypeParser,
};

/** pg leaves a connection open whose making failed for want of a password; the server would keep its place for a minute. */
class Client extends pg.Client {
  override connect(): Promise<pg.Client>;
  override connect(callback: (error: Error | null) => void): void;
  override connect(callback?: (error: Error | null) => void): Promise<pg.Client> | void {
    const connected = super.connect().then(
      () => this as pg.Client,
      (error: Error) => {
        void this.end().catch(() => undefined);
        throw error;
      },
    );
    if (callback === undefined) return connected;
    connected.then(() => callback(null), callback);
  }
}

/**
 * @returns host, port and database, for people; never the password
 * @throws StoreRefused
 */
export function placeOf(url: string): { readonly place: string; readonly user: string } {
  try {
    // A client that is never connected reads the URL as those of the pool will.
    const { host, port, database, user } = new pg.Client({ connectionString: url });
    return { place: `PostgreSQL at ${host}:${port}/${database}`, user: user ?? "" };
  } catch {
    // Without the cause: it may quote the URL, and so the password.
    throw new StoreRefused("the URL of the PostgreSQL database can't be read");
  }
}

export class PgPool {
  readonly #pool: pg.Pool;
  readonly #place: string;
  readonly #user: string;
  /** the schema is there, and is the one that this program knows */
  #prepared = false;
  #rest: { readonly until: number; readonly error: StoreUnavailable } | undefined;

  /**
   * @param url `postgres://user:password@host:port/database`; what it leaves out comes from PG* in the environment
   * @param connections how many at most
   * @throws StoreUnavailable where the URL can't be read
   */
  constructor(url: string, connections: number) {
    const config: pg.PoolConfig = {
      connectionString: url,
      application_name: "ringway",
      max: connections,
      connectionTimeoutMillis: timing.connectMs,
      query_timeout: timing.answerMs,
      idleTimeoutMillis: timing.idleMs,
      keepAlive: true,
      types,
      Client,
      onConnect: (client) => this.#prepare(client),
    };
    ({ place: this.#place, user: this.#user } = placeOf(url));
    this.#pool = new pg.Pool(config);
    // A connection that breaks says so to whom it has to answer, and leaves the pool; what else it says, unheard, would end the process.
    this.#pool.on("error", () => undefined);
  }

  /**
   * Runs one statement, which is one transaction.
   * @throws StoreUnavailable; what was written may be kept all the same, or be kept later
   */
  async query(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    try {
      return await this.#once(statement, values);
    } catch (error) {
      // The server chose it to give way to another transaction, and undid it.
      if (!["40P01", "40001"].includes(codeOf(error) ?? "")) throw this.#unavailable(error);
    }
    return this.#once(statement, values).catch((error: unknown) => Promise.reject(this.#unavailable(error)));
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #once(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    const client = await this.#client();
    try {
      const { rows } = await client.query<Row>({ ...statement, values: values.map(sendable) });
      client.release();
      return rows;
    } catch (error) {
      client.release(error as Error);
      throw error;
    }
  }

  async #client(): Promise<pg.PoolClient> {
    if (this.#rest !== undefined && performance.now() < this.#rest.until) throw this.#rest.error;
    try {
      const client = await this.#pool.connect();
      this.#rest = undefined;
      return client;
    } catch (error) {
      const known = this.#unavailable(error);
      // Where all connections are in use it is not away.
      if ((error as Error).message !== "timeout exceeded when trying to connect") this.#rest = { until: performance.now() + timing.restMs, error: known };
      throw known;
    }
  }

  async #prepare(client: pg.ClientBase): Promise<void> {
    client.on("error", () => undefined);
    await client.query(session);
    if (this.#prepared) return;
    // The limit that @types/pg doesn't know is the query's own.
    const patient = (text: string, values: readonly unknown[] = []): pg.QueryConfig => ({ text, values: [...values], query_timeout: timing.migrateMs }) as pg.QueryConfig;
    await migrate({ query: async (text, values) => (await client.query<Row>(values === undefined ? patient(text) : patient(text, values))).rows }, migrations);
    this.#prepared = true;
  }

  #unavailable(error: unknown): StoreUnavailable {
    if (error instanceof StoreUnavailable) return error;
    const code = codeOf(error);
    const message = error instanceof Error ? error.message : String(error);
    if (/^SASL:.*password must be/.test(message)) return new StoreRefused(`${this.#place} asks the user ${this.#user} for a password, and none was given`);
    if (code === "28P01" || code === "28000" || message.startsWith("SASL:")) return new StoreRefused(`${this.#place} refuses the user ${this.#user}: ${message}`);
    if (code !== undefined && refusals.has(code)) return new StoreRefused(`${this.#place}: ${message}`);
    if (code?.length === sqlStateLength) return new StoreUnavailable(`${this.#place}: ${message}`, error);
    // Where several addresses were tried, the code is all there is.
    return new StoreUnavailable(`${this.#place} does not answer: ${message === "" ? code : message}`, error);
  }
}

/** An error of the server itself has a code of this form; system errors are longer (ECONNREFUSED), but for EPIPE, which has a message that says all. */
const sqlStateLength = 5;

/** PostgreSQL's text holds no NUL. Whoever asks for a name with one is told that there is none, as with a lone surrogate, of which UTF-8 makes the same. */
function sendable(value: unknown): unknown {
  if (typeof value === "string") return value.includes("\0") ? value.replaceAll("\0", "\ufffd") : value;
  return Array.isArray(value) && value.some((item) => typeof item === "string" && item.includes("\0")) ? value.map(sendable) : value;
}

/** No such database, no such schema, no privilege: trying again doesn't help. */
const refusals: ReadonlySet<string> = new Set(["3D000", "3F000", "42501"]);

function codeOf(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}
