/** Connections to one server of PostgreSQL, one by one or as a pool. The one file that knows `pg`. */
import pg from "pg";
import { StoreRefused } from "./log.ts";
import { unreadable } from "./pg-hosts.ts";

/** A statement that is prepared once per connection, under its name. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export type Row = Readonly<Record<string, unknown>>;
export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;

const timing = {
  /** to get a connection, a new one or one that is in use */
  connectMs: 4_000,
  /** for an answer: webapp gives a publish up after 5 s, and should be told why before */
  answerMs: 4_000,
  /** what runs longer on the server is cancelled there, and says so before its caller gives it up. A commit that waits for a standby is never cancelled: it would be answered as if it were on both. */
  statementMs: 3_500,
  idleMs: 60_000,
  /** until a connection on which nothing comes is asked whether it is still there */
  keepAliveMs: 10_000,
  /** for the server to close a connection that is ended: a host that died does not */
  endMs: 1_000,
};

/**
 * What holds for every connection: no statement outlives its caller's patience by much, no transaction that waits for its caller holds others
 * up, and a commit is on disk before it is answered, however the database is set up. Plans are made once, when tables may be small, and must
 * be those of large ones, whose statistics nobody has yet: all goes by an index.
 */
const settings: Readonly<Record<string, string>> = {
  statement_timeout: String(timing.statementMs),
  idle_in_transaction_session_timeout: String(timing.statementMs),
  plan_cache_mode: "force_generic_plan",
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
};
// A crash of one back end restarts all of them and not the postmaster, whose start time stays: but it loses the statistics.
const session = `select ${Object.entries(settings).map(([name, value]) => `set_config('${name}', '${value}', false)`).join(", ")},
  case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', false) end,
  concat(pg_postmaster_start_time(), ' ', pg_stat_get_bgwriter_stat_reset_time()) as started, pg_backend_pid() as pid, pg_is_in_recovery() as standby, current_setting('transaction_read_only') = 'on' as read_only`;

/** What a connection learns of its server when it is made. */
export interface Facts {
  /** when the server was started, or came up from a crash: another text is another life, in which other transactions may show */
  readonly started: string;
  readonly pid: number;
  readonly standby: boolean;
  readonly readOnly: boolean;
}

async function prepare(client: pg.ClientBase): Promise<Facts> {
  const row = (await client.query<Row>(session)).rows[0]!;
  return { started: row["started"] as string, pid: row["pid"] as number, standby: row["standby"] as boolean, readOnly: row["read_only"] as boolean };
}

/** int8 as numbers: ours are at most 2^53 - 1. */
const types = {
  getTypeParser: ((oid: number, format: "text") => (oid === 20 ? Number : pg.types.getTypeParser(oid, format))) as typeof pg.types.getTypeParser,
};

/** pg's, which says nothing unheard, leaves nothing open whose making failed, and ends in time. */
class Client extends pg.Client {
  override connect(): Promise<pg.Client>;
  override connect(callback: (error: Error | null) => void): void;
  override connect(callback?: (error: Error | null) => void): Promise<pg.Client> | void {
    // Unheard, it would end the process; and it may come with the answer to this, before anybody who waits for that can listen.
    this.on("error", () => undefined);
    const connected = super.connect().then(
      () => this as pg.Client,
      (error: Error) => {
        // pg leaves it open for want of a password; the server would keep its place for a minute.
        void this.end().catch(() => undefined);
        throw error;
      },
    );
    if (callback === undefined) return connected;
    connected.then(() => callback(null), callback);
  }

  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | void {
    const overdue = setTimeout(() => this.connection.stream.destroy(), timing.endMs).unref();
    this.once("end", () => clearTimeout(overdue));
    return callback === undefined ? super.end() : super.end(callback);
  }
}

const configOf = (url: string): pg.ClientConfig => ({
  connectionString: url,
  application_name: "ringway",
  connectionTimeoutMillis: timing.connectMs,
  query_timeout: timing.answerMs,
  keepAlive: true,
  keepAliveInitialDelayMillis: timing.keepAliveMs,
  types,
});

/**
 * @param url of one host
 * @throws StoreRefused
 */
export function addressOf(url: string): { readonly address: string; readonly database: string; readonly user: string } {
  try {
    // A client that is never connected reads the URL as the others will.
    const { host, port, database, user } = new pg.Client({ connectionString: url });
    return { address: `${host.includes(":") ? `[${host}]` : host}:${port}`, database: database ?? "", user: user ?? "" };
  } catch {
    // Without the cause: it may quote the URL, and so the password.
    throw new StoreRefused(unreadable);
  }
}

/** One connection, for what is not a store's everyday. */
export class Connection {
  readonly #client: pg.Client;
  readonly facts: Facts;

  private constructor(client: pg.Client, facts: Facts) {
    this.#client = client;
    this.facts = facts;
  }

  /** @throws what `pg` throws */
  static async open(url: string): Promise<Connection> {
    const client = new Client(configOf(url));
    await client.connect();
    try {
      return new Connection(client, await prepare(client));
    } catch (error) {
      await client.end();
      throw error;
    }
  }

  async query(text: string, values: readonly unknown[] = [], answerMs: number = timing.answerMs): Promise<Row[]> {
    // The limit that @types/pg doesn't know is the query's own. Without values a text may hold several statements.
    const query = { text, ...(values.length === 0 ? {} : { values: [...values] }), query_timeout: answerMs } as pg.QueryConfig;
    return (await this.#client.query<Row>(query)).rows;
  }

  async end(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }
}

/**
 * Connections that are opened when they are needed, at most so many; one stays, so that its breaking tells of the server's end.
 * @param accept throws where the server is not the one that was meant
 * @param broken one that nobody uses broke
 */
export function openPool(url: string, connections: number, accept: (facts: Facts) => void, broken: (error: Error) => void): Pool {
  const pool = new pg.Pool({ ...configOf(url), max: connections, min: 1, idleTimeoutMillis: timing.idleMs, Client, onConnect: async (client) => accept(await prepare(client)) });
  pool.on("error", broken);
  return pool;
}

/** Whether a pool only had no connection to spare. */
export function isFull(error: unknown): boolean {
  return (error as Error).message === "timeout exceeded when trying to connect";
}
