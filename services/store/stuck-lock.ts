/**
 * A process that is stopped (SIGSTOP, Ctrl-Z) in the midst of a write keeps lmdb's write lock, and every writer of the
 * machine waits for it. Such a holder is ended (decision 9): the lock is robust, so its death gives it on, and a
 * `kill -9` loses nothing acked. Linux with glibc only; elsewhere nothing is found and nobody is ended.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";

/** The holder must be found so twice, this far apart. */
const confirmMs = 500;

const lockMagic = 0xbeefc0de;
/** Of lmdb's lock file: a head of 24 bytes and the readers' mutex, padded to cache lines; then the writers' mutex (`MDB_txninfo` in mdb.c). */
const mutexBytes: Partial<Record<string, number>> = { x64: 40, arm64: 48 };
/** `__kind` of a glibc mutex that is robust and shared between processes; another C library has another layout. */
const robustShared = 0x90;
const kindAt = 16;
/** The lock word: the holder's thread ID, and two bits of the kernel's. */
const threadBits = 0x3fff_ffff;

/**
 * The process that holds the write lock of the environment in `folder`, where it is stopped.
 * @param lockFile its `lock.mdb`, open
 */
function stoppedHolder(folder: string, lockFile: number): number | undefined {
  try {
    const thread = lockHolder(lockFile);
    if (thread === undefined) return undefined;
    const status = readFileSync(`/proc/${thread}/status`, "utf8");
    // "t" is a process under a debugger: its owner knows what they do.
    if (!/^State:\tT\b/m.test(status)) return undefined;
    const pid = Number(/^Tgid:\t(\d+)$/m.exec(status)?.[1]);
    // A thread ID of another PID namespace may name anybody here.
    return pid !== process.pid && hasOpen(pid, join(folder, "data.mdb")) ? pid : undefined;
  } catch {
    // It ended meanwhile, or it isn't ours to look at.
    return undefined;
  }
}

/** @returns a thread's ID */
function lockHolder(lockFile: number): number | undefined {
  const size = mutexBytes[process.arch];
  if (process.platform !== "linux" || size === undefined) return undefined;
  const at = Math.ceil((24 + size) / 64) * 64;
  const bytes = Buffer.alloc(at + size);
  if (readSync(lockFile, bytes, 0, bytes.length, 0) < bytes.length) return undefined;
  if (bytes.readUInt32LE(0) !== lockMagic || bytes.readUInt32LE(at + kindAt) !== robustShared) return undefined;
  const thread = bytes.readUInt32LE(at) & threadBits;
  return thread === 0 ? undefined : thread;
}

function hasOpen(pid: number, path: string): boolean {
  const { dev, ino } = statSync(path);
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    const found = statSync(`/proc/${pid}/fd/${fd}`, { throwIfNoEntry: false });
    return found?.dev === dev && found.ino === ino;
  });
}

/** Watches writes, and ends the holder that one of them waits for. */
export class LockGuard {
  readonly #folder: string;
  /**
   * Open as long as the environment is. lmdb tells the living from the dead by a POSIX record lock of theirs on this file, and to close
   * any descriptor of a file drops all such locks of the process: the others would take it for dead, and its readers' places for free.
   */
  readonly #lockFile: number | undefined;
  readonly #afterMs: number;
  readonly #onKill: (pid: number) => void;

  /**
   * To be made before the environment is opened, and closed after it.
   * @param afterMs how long a write may wait before the holder is looked at; 0 = never
   * @param onKill told of a process that was ended
   */
  constructor(folder: string, afterMs: number, onKill: (pid: number) => void) {
    this.#folder = folder;
    this.#afterMs = afterMs;
    this.#onKill = onKill;
    this.#lockFile = afterMs === 0 ? undefined : openSync(join(folder, "lock.mdb"), "r");
  }

  close(): void {
    if (this.#lockFile !== undefined) closeSync(this.#lockFile);
  }

  /** A write has begun. @returns what to call when it is over */
  watch(): () => void {
    const lockFile = this.#lockFile;
    if (lockFile === undefined) return () => {};
    let suspect: number | undefined;
    const look = (): void => {
      const holder = stoppedHolder(this.#folder, lockFile);
      if (holder !== undefined && holder === suspect) this.#end(holder);
      suspect = holder;
      timer = setTimeout(look, confirmMs);
    };
    let timer = setTimeout(look, this.#afterMs);
    return () => clearTimeout(timer);
  }

  #end(pid: number): void {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      return; // not ours to end, or ended already
    }
    this.#onKill(pid);
  }
}
