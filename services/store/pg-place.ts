/**
 * Which of a URL's servers takes writes, found out when somebody needs to know, and again when it is in doubt.
 *
 * A server is taken when it has confirmed a commit. So one without the synchronous standby that it must wait for is not: its standby may have been promoted meanwhile, and then it is
 * the past. And what is read after a server's restart is on the standby, too, even what was committed while the standby was away, and so never acked (docs/decisions/0016).
 */
import { setTimeout as pause } from "node:timers/promises";
import { StoreRefused, StoreUnavailable } from "./log.ts";
import { addressOf, Connection } from "./pg-client.ts";
import { explain, isSilence, Unfit } from "./pg-errors.ts";
import { hostsOf } from "./pg-hosts.ts";
import { migrate, migrations } from "./pg-schema.ts";

/** A server in one of its lives: from one start to the next. */
export interface Server {
  readonly url: string;
  readonly started: string;
}

/** Where a primary stands among those that were made of one another. */
interface Lineage {
  /** the same for a server and its standbys */
  readonly system: string;
  /** rises with each promotion */
  readonly timeline: number;
}

interface Fit extends Lineage {
  readonly url: string;
  readonly started: string;
}

const timing = {
  /** for an answer to a migration */
  migrateMs: 120_000,
  /** while servers of which none could be used aren't tried again */
  restMs: 100,
  /** how long servers that stand before the first that can be used in the URL are waited for */
  orderMs: 1_000,
  /** who asks while it is looked for once more waits so long, and is told then why it was not found the last time */
  againMs: 500,
};

/** A commit that writes nothing but its own record: it waits for the standby, where there is one to wait for, and so for all that was committed before. */
const commit = "select pg_logical_emit_message(true, 'ringway', '')";
const lineage = "select (pg_control_system()).system_identifier::text as system, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline";

/**
 * @returns hosts, ports and database, for people; never the password
 * @throws StoreRefused
 */
export function placeOf(url: string): { readonly place: string; readonly user: string } {
  const hosts = hostsOf(url).map(addressOf);
  return { place: `PostgreSQL at ${hosts.map(({ address }) => address).join(",")}/${hosts[0]!.database}`, user: hosts[0]!.user };
}

export class PgPlace {
  readonly place: string;
  readonly user: string;
  readonly #urls: readonly string[];
  #server: Server | undefined;
  /** the server was silent: who only reads may go on */
  #doubted = false;
  /** what has been the store most lately */
  #latest: Lineage | undefined;
  /** the schema is there, and is the one that this program knows */
  #prepared = false;
  #finding: Promise<Server> | undefined;
  #rest: { readonly until: number; readonly error: StoreUnavailable } | undefined;

  /** @throws StoreRefused where the URL can't be read */
  constructor(url: string) {
    ({ place: this.place, user: this.user } = placeOf(url));
    this.#urls = hostsOf(url);
  }

  /**
   * The server to ask.
   * @param reads nothing is to be written
   * @throws StoreUnavailable
   */
  async server(reads: boolean): Promise<Server> {
    if (this.#server !== undefined && (reads || !this.#doubted)) return this.#server;
    if (this.#rest !== undefined && performance.now() < this.#rest.until) throw this.#rest.error;
    this.#finding ??= this.#find().finally(() => (this.#finding = undefined));
    if (this.#rest === undefined) return this.#finding;
    const { error } = this.#rest;
    return Promise.race([this.#finding, pause(timing.againMs, undefined, { ref: false }).then(() => Promise.reject(error))]);
  }

  /** It did not answer in time. */
  doubt(server: Server): void {
    if (this.#server === server) this.#doubted = true;
  }

  /** It is gone, or takes no writes any more. */
  lose(server: Server): void {
    if (this.#server === server) this.#server = undefined;
  }

  async #find(): Promise<Server> {
    try {
      const { url, started, system, timeline } = await this.#choose();
      if (!this.#prepared) await this.#prepare(url);
      this.#prepared = true;
      this.#latest = { system, timeline };
      if (this.#server?.url !== url || this.#server.started !== started) this.#server = { url, started };
      this.#doubted = false;
      this.#rest = undefined;
      return this.#server;
    } catch (error) {
      const known = explain(error, this.place, this.user);
      this.#rest = { until: performance.now() + timing.restMs, error: known };
      throw known;
    }
  }

  /** Of the servers that can be used the one that was promoted last; among equals the first in the URL. */
  async #choose(): Promise<Fit> {
    const fit: Fit[] = [];
    const failures = new Map<string, unknown>();
    const asked = this.#urls.map(async (url) => {
      await this.#try(url).then((one) => fit.push(one), (error: unknown) => failures.set(url, error));
      if (failures.has(url)) throw failures.get(url);
    });
    const all = Promise.allSettled(asked);
    await Promise.race([all, Promise.any(asked).then(() => pause(timing.orderMs, undefined, { ref: false }), () => all)]);
    const order = ({ url }: Fit): number => this.#urls.indexOf(url);
    const [best] = fit.toSorted((a, b) => (a.system === b.system ? b.timeline - a.timeline : 0) || order(a) - order(b));
    if (best !== undefined) return best;
    const [first] = failures.values();
    if (this.#urls.length === 1) throw first;
    const reasons = this.#urls.map((url) => explain(failures.get(url), addressOf(url).address, this.user));
    const says = `none of ${this.place} can be used: ${reasons.map(({ message }) => message).join("; ")}`;
    // Where another one may come back, trying again helps.
    throw reasons.every((reason) => reason instanceof StoreRefused) ? new StoreRefused(says) : new StoreUnavailable(says, first);
  }

  /** @throws where the server can't be used, whatever the reason */
  async #try(url: string): Promise<Fit> {
    const connection = await Connection.open(url);
    const { facts } = connection;
    try {
      if (facts.standby) throw new Unfit("is a standby, which takes no writes");
      if (facts.readOnly) throw new Unfit("takes no writes: its transactions are read-only");
      const own = await this.#lineage(connection);
      const { system, timeline } = this.#latest ?? own;
      if (system === own.system && own.timeline < timeline) throw new Unfit(`is what it was before another server was promoted (timeline ${own.timeline}, the store has gone on to ${timeline})`);
      await connection.query(commit).catch((error: unknown) => {
        if (!isSilence(error)) throw error;
        void dismiss(url, facts.pid);
        throw new Unfit("confirms no commit: it may wait for a synchronous standby that is away");
      });
      return { url, started: facts.started, ...own };
    } finally {
      await connection.end();
    }
  }

  /** One server that is alone has nothing to be told apart from. */
  async #lineage(connection: Connection): Promise<Lineage> {
    if (this.#urls.length === 1) return { system: "", timeline: 0 };
    const row = (await connection.query(lineage))[0]!;
    return { system: row["system"] as string, timeline: Number.parseInt(row["timeline"] as string, 16) };
  }

  async #prepare(url: string): Promise<void> {
    const connection = await Connection.open(url);
    try {
      await migrate({ query: (text, values) => connection.query(text, values, timing.migrateMs) }, migrations);
    } finally {
      await connection.end();
    }
  }
}

/** Ends a commit of nothing that waits for a standby: it would keep its place at the server for as long as that is away. */
async function dismiss(url: string, pid: number): Promise<void> {
  try {
    const connection = await Connection.open(url);
    await connection.query("select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and usename = current_user and query like '%pg_logical_emit_message%'", [pid]).finally(() => connection.end());
  } catch {
    // It has it, or is gone.
  }
}
