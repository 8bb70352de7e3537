/**
 * The one lmdb environment of a machine: a folder that all its processes open at once. Within a process it is opened
 * once, however many engines stand on it: two handles could wait for each other's write lock.
 */
import { resolve } from "node:path";
import { open, type Database, type Key, type RootDatabase } from "lmdb";
import { DiskProbe } from "./disk-probe.ts";
import { Groups, type GroupLimits } from "./groups.ts";
import { makeLockFile } from "./lock-file.ts";
import { StoreUnavailable } from "./log.ts";
import { LockGuard } from "./stuck-lock.ts";

export type TextKey = Key;
/** A named database. */
export type Named<Value> = Database<Value, Key>;
export type Texts = Named<string>;

const limits: GroupLimits = { actions: 500, bytes: 2 ** 20, answerWithinMs: 5_000 };

export interface EnvironmentOptions {
  /** A process that is stopped while it holds the write lock is ended when a write has waited for this long (stuck-lock.ts); 0 = never. */
  readonly stuckKillMs?: number;
  /** told of a process that was ended so */
  readonly onKill?: (pid: number) => void;
  /** address space to begin with; it grows by itself */
  readonly mapBytes?: number;
}

/** Every named database, opened at once: opening one later would be a synchronous transaction beside running ones. */
function openAll(root: RootDatabase) {
  const binary = (name: string): Named<Buffer> => root.openDB({ name, encoding: "binary" });
  const text = (name: string): Texts => root.openDB({ name, encoding: "string" });
  return {
    /** slot → `fence owner` */
    claims: text("claims"),
    /** channel → `head lastTs` */
    heads: text("heads"),
    /** [channel, offset] → entry (entry-codec.ts) */
    entries: binary("entries"),
    /** [channel, key] → offset */
    keys: text("keys"),
    /** [channel, ts] → JSON of the message as it is now */
    messages: binary("messages"),
    users: text("users"),
    userNames: text("user_names"),
    tokens: text("tokens"),
    channels: text("channels"),
    channelNames: text("channel_names"),
    /** [channel, user] and [user, channel], kept in step */
    members: text("members"),
    memberships: text("memberships"),
    /** [channel, user] → JSON of the change that not everybody was told of */
    unsettled: text("unsettled"),
    /** [channel, user] → ts */
    lastReads: text("last_reads"),
    tickets: text("tickets"),
    /** ID → how far a copy into this store is (copy.ts) */
    copies: text("copies"),
    /** [expiresAt, secretHash], so that forgotten tickets can be swept */
    ticketEnds: text("ticket_ends"),
  };
}

type Databases = ReturnType<typeof openAll>;

export class Environment {
  readonly db: Databases;
  #root: RootDatabase;
  readonly #path: string;
  readonly #disk: DiskProbe;
  #guard: LockGuard;
  #users = 0;
  #groups: Groups;

  // 1 GiB of address space to begin with: fewer remaps while several processes grow the file; it isn't allocated on disk.
  private constructor(path: string, { stuckKillMs = 1_500, onKill = () => {}, mapBytes = 2 ** 30 }: EnvironmentOptions) {
    makeLockFile(path);
    this.#path = path;
    this.#disk = new DiskProbe(path);
    this.#guard = new LockGuard(path, stuckKillMs, onKill);
    this.#groups = new Groups((run) => this.#commit(run), limits);
    // eventTurnBatching leaves a promise of its own unheard, which ends the process when a commit fails; groups are made here.
    // overlappingSync syncs under a lock of its own, and lmdb 3.5.6 takes a process that died with it for one of its own threads: a
    // server killed while it synced left its neighbours with MDB_PANIC at their next write. Without it a commit is synced when it is done.
    this.#root = open({ path, noSubdir: false, encoding: "binary", maxDbs: 32, mapSize: mapBytes, eventTurnBatching: false, overlappingSync: false });
    this.db = openAll(this.#root);
  }

  static #opened = new Map<string, Environment>();

  /**
   * Opens the folder (created where it is absent), or joins this process's open handle, whose options stay. Each call
   * needs one `close`.
   * @throws StoreUnavailable
   */
  static open(folder: string, options: EnvironmentOptions = {}): Environment {
    const path = resolve(folder);
    try {
      const env = Environment.#opened.get(path) ?? new Environment(path, options);
      Environment.#opened.set(path, env);
      env.#users++;
      return env;
    } catch (error) {
      throw new StoreUnavailable(error);
    }
  }

  /**
   * Runs `action` inside a write transaction: it alone writes, in all processes, and reads what was written last.
   * Actions that arrive before the transaction begins share it and its sync. An action checks first and writes after,
   * since what it wrote before throwing stays.
   * @param bytes about so much it writes; groups are bounded by it
   * @returns the action's value, once it is synced to disk
   * @throws StoreUnavailable
   */
  async write<T>(action: () => T, bytes = 0): Promise<T> {
    try {
      return await this.#groups.write(action, bytes);
    } catch (error) {
      throw new StoreUnavailable(error);
    }
  }

  async #commit(run: () => void): Promise<void> {
    await this.#disk.ask();
    // A group that was refused meanwhile keeps nobody from closing.
    if (this.#users <= 0) throw new Error("the store is closed");
    const over = this.#guard.watch();
    try {
      const committed = this.#root.transaction(run);
      // `flushed` now means this very transaction; after the commit it might mean a later one.
      const flushed = this.#root.flushed.then(() => undefined);
      await Promise.all([committed, flushed]);
    } catch (error) {
      // lmdb rejects the cause on its own promise; unheard it would end the process.
      const cause = (error as { commitError?: Promise<never> }).commitError;
      throw cause === undefined ? error : await cause.catch((reason: unknown) => reason);
    } finally {
      over();
    }
  }

  /**
   * Runs `action` on a snapshot that holds everything committed so far, by any process.
   * @throws StoreUnavailable
   */
  async read<T>(action: () => T): Promise<T> {
    try {
      this.#root.resetReadTxn();
      return action();
    } catch (error) {
      endOnPanic(error);
      throw new StoreUnavailable(error);
    }
  }

  /** Gives one `open` back; the last one closes the folder after its running writes. */
  async close(): Promise<void> {
    if (--this.#users > 0) return;
    Environment.#opened.delete(this.#path);
    await this.#groups.idle();
    await this.#root.close();
    await this.#disk.close();
    this.#guard.close();
  }
}

/**
 * After a commit that failed at its very last write (the meta page) lmdb answers this process no write any more, and says so to those who read.
 * A process that lives keeps its slots from the others, so it ends as by a fault of its own: they take over, and its launcher starts it anew.
 */
function endOnPanic(error: unknown): void {
  if (!(error instanceof Error) || !error.message.includes("MDB_PANIC")) return;
  setImmediate(() => {
    throw new Error("lmdb refuses all further work in this process; it ends, to be started anew", { cause: error });
  });
}

/**
 * Copies the environment as it is at one moment, without its unused pages, into the existing empty folder `to`, while others write on.
 * @throws Error of lmdb or of the disk
 */
export async function copyEnvironment(folder: string, to: string): Promise<void> {
  const root = open({ path: resolve(folder), noSubdir: false, maxDbs: 32, readOnly: true });
  try {
    await root.backup(resolve(to), true);
  } finally {
    await root.close();
  }
}
