/**
 * What the VMs of one Envoy share: the newest topology document, and the lease of the VM that polls for it. Both live in the host's
 * shared data, by the feed's name, so two listeners with the same source (and `vm_id`) share one feed.
 */
import { Bytes, getSharedData, result, resultLen, setSharedData, sharedCas, Status } from "proxy-wasm-as";

/** A holder that has not renewed for this long is taken for dead. */
export const LEASE_MS: u64 = 1_500;

/** The document itself, and apart from it the 16 bytes that tell whether it is new, so that looking costs nothing. */
export class SharedTopology {
  private versionKey: Bytes;
  private documentKey: Bytes;
  private record: StaticArray<u64> = new StaticArray<u64>(2);
  /** What `look` found. */
  epoch: u64 = 0;
  seal: u64 = 0;
  private cas: u32 = 0;

  constructor(feed: string) {
    this.versionKey = Bytes.of(feed + "#version");
    this.documentKey = Bytes.of(feed + "#document");
  }

  /** Reads which document is there: sets `epoch` and `seal`, both 0 if there is none. */
  look(): void {
    this.epoch = 0;
    this.seal = 0;
    this.cas = 0;
    if (getSharedData(this.versionKey) != Status.Ok) return;
    this.cas = sharedCas();
    if (resultLen() != 16) return;
    this.epoch = load<u64>(result());
    this.seal = load<u64>(result(), 8);
  }

  /** Reads the document to `result()`; false if there is none. */
  read(): bool {
    return getSharedData(this.documentKey) == Status.Ok && resultLen() > 0;
  }

  /**
   * Shares a document, unless the others have one at least as new. Both keys only ever go up, whoever else writes at the
   * same time, and the document goes first: who sees a version finds that document or a later one.
   */
  publish(ptr: usize, len: i32, epoch: u64, seal: u64): void {
    let cas: u32 = 0;
    do {
      cas = 0;
      if (getSharedData(this.documentKey) == Status.Ok) {
        cas = sharedCas();
        if (resultLen() >= 16 && load<u64>(result(), 8) >= epoch) break;
      }
    } while (setSharedData(this.documentKey, ptr, len, cas) == Status.CasMismatch);
    this.record[0] = epoch;
    this.record[1] = seal;
    do {
      this.look();
      if (this.epoch >= epoch) return;
    } while (setSharedData(this.versionKey, changetype<usize>(this.record), 16, this.cas) == Status.CasMismatch);
  }
}

/**
 * Who polls. Taken by compare-and-swap and renewed while held. Two holders for a moment (the host can't create a key by
 * compare-and-swap) do no harm: the documents are the same, and the one that did not write last finds out when it renews.
 */
export class Lease {
  private key: Bytes;
  private record: StaticArray<u64> = new StaticArray<u64>(2);
  private cas: u32 = 0;
  held: bool = false;

  /** @param owner a number that no other VM has */
  constructor(feed: string, private owner: u64) {
    this.key = Bytes.of(feed + "#lease");
  }

  /** Takes the lease if nobody living has it, or renews it. True if it is held afterwards. */
  hold(nowMs: u64): bool {
    if (!this.held) {
      const status = getSharedData(this.key);
      if (status == Status.NotFound) {
        // Nothing to swap yet: leave an expired lease, and let the next round fight over it.
        this.write(0, 0, 0);
        return false;
      }
      if (status != Status.Ok || this.isAlive(nowMs)) return false;
      this.cas = sharedCas();
    }
    this.held = this.write(this.owner, nowMs + LEASE_MS, this.cas) == Status.Ok && this.isMine();
    return this.held;
  }

  private write(owner: u64, expiresMs: u64, cas: u32): Status {
    this.record[0] = owner;
    this.record[1] = expiresMs;
    return setSharedData(this.key, changetype<usize>(this.record), 16, cas);
  }

  /** Whether the lease just read still runs. One that ends too far ahead was written before the clock was set back. */
  private isAlive(nowMs: u64): bool {
    if (resultLen() != 16) return false;
    const expiresMs = load<u64>(result(), 8);
    return expiresMs > nowMs && expiresMs <= nowMs + 2 * LEASE_MS;
  }

  /** Re-reads the lease for its new version; false if somebody wrote over it at once. */
  private isMine(): bool {
    if (getSharedData(this.key) != Status.Ok || resultLen() != 16) return false;
    this.cas = sharedCas();
    return load<u64>(result()) == this.owner;
  }
}
