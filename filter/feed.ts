/**
 * The topology feed: how a VM gets its ring, and keeps the last good one whatever happens.
 *
 * One VM of the process (the holder of the lease) asks the topology's cluster with Consul's blocking query and shares what
 * it gets; every VM looks at the shared version on each tick. A document is swapped in whole or not at all.
 */
import {
  BufferType, Bytes, currentTimeMs, getBuffer, getHeader, httpCall, callId, log, LogLevel, MapType, PairWriter,
  randomBits, requestCollect, result, resultLen, Status,
} from "proxy-wasm-as";
import { Config } from "./config";
import * as metrics from "./metrics";
import { DOCUMENT_BYTES_MAX, Topology, topologyError } from "./ring/topology";
import { Lease, LEASE_MS, SharedTopology } from "./shared";

/** After a failed poll: first this, then twice as long, up to the maximum. */
const BACKOFF_MS_MIN: u64 = 100;
const BACKOFF_MS_MAX: u64 = 500;
/** What a poll may take beyond the wait it asked for. Consul adds up to a sixteenth of the wait itself. */
const POLL_GRACE_MS: i32 = 2_000;

const METHOD = Bytes.of(":method");
const PATH = Bytes.of(":path");
const AUTHORITY = Bytes.of(":authority");
const GET = Bytes.of("GET");
const STATUS = Bytes.of(":status");
const INDEX = Bytes.of("x-consul-index");

export class Feed {
  /** The ring in use; null until the first one came. */
  topology: Topology | null = null;
  private seal: u64 = 0;

  private shared: SharedTopology;
  private lease: Lease;
  private nextLeaseMs: u64 = 0;
  private refusedSeal: u64 = 0;

  private cluster: Bytes;
  private authority: Bytes;
  private headers: PairWriter = new PairWriter(1024);
  private index: u64 = 0;
  private call: u32 = 0;
  private calling: bool = false;
  private callDeadlineMs: u64 = 0;
  private nextPollMs: u64 = 0;
  private backoffMs: u64 = BACKOFF_MS_MIN;
  private lastAnswerMs: u64 = 0;
  private lastTickMs: u64 = 0;

  constructor(private config: Config) {
    const name = "ringway/" + config.cluster + "/" + config.key;
    this.shared = new SharedTopology(name);
    this.lease = new Lease(name, randomBits());
    this.cluster = Bytes.of(config.cluster);
    this.authority = Bytes.of(hostIn(config.cluster));
  }

  /** Takes over what other VMs have shared: one small read when nothing is new. */
  sync(): void {
    this.shared.look();
    const shared = this.shared;
    const mine = this.topology;
    if (shared.epoch == 0 || (mine != null && shared.epoch <= mine.epoch) || shared.seal == this.refusedSeal) return;
    // Sealed under another key, perhaps: count that once, not on every tick.
    if (!shared.read() || !this.accept(result(), resultLen())) this.refusedSeal = shared.seal;
  }

  /** Every tick: look, keep the lease, keep one poll running. */
  tick(): void {
    this.sync();
    const now = currentTimeMs();
    if (now < this.lastTickMs) this.startOver(now);
    this.lastTickMs = now;
    if (now >= this.nextLeaseMs) {
      const held = this.lease.held;
      this.nextLeaseMs = now + (this.lease.hold(now) ? LEASE_MS / 3 : LEASE_MS / 15);
      if (!held && this.lease.held) {
        metrics.count(metrics.FEED_ELECTIONS);
        this.index = 0;
        this.lastAnswerMs = now;
      }
      if (this.lease.held) metrics.record(metrics.feedAgeMs, now - min(now, this.lastAnswerMs));
    }
    if (!this.lease.held) return;
    if (this.calling) {
      if (now > this.callDeadlineMs) this.fail(now);
    } else if (now >= this.nextPollMs) {
      this.poll(now);
    }
  }

  /** The answer to a poll. @param headers their number; 0 if there was no answer */
  onResponse(call: u32, headers: u32, bodySize: u32): void {
    if (!this.calling || call != this.call) return;
    this.calling = false;
    const now = currentTimeMs();
    const status = headers == 0 ? 0 : numberIn(STATUS);
    if (status != 200 && status != 404) return this.fail(now);

    this.lastAnswerMs = now;
    const index = numberIn(INDEX);
    if (index == 0 || index < this.index) {
      // Consul's rule: an index that went backwards starts over. Wait a little, for this may repeat.
      this.index = 0;
      this.nextPollMs = now + BACKOFF_MS_MIN;
    } else {
      this.index = index;
      this.nextPollMs = now;
      this.backoffMs = BACKOFF_MS_MIN;
    }
    if (status == 404) return;
    if (bodySize > <u32>DOCUMENT_BYTES_MAX) return this.reject("longer than 256 KiB");
    if (getBuffer(BufferType.HttpCallResponseBody, 0, bodySize) != Status.Ok) return this.reject("unreadable");
    const ptr = result();
    const len = resultLen();
    if (this.accept(ptr, len) && this.topology != null) {
      this.shared.publish(ptr, len, this.topology!.epoch, this.seal);
    }
  }

  private poll(now: u64): void {
    const timeoutMs = this.config.waitMs + this.config.waitMs / 16 + POLL_GRACE_MS;
    const query = "?raw&index=" + this.index.toString() + "&wait=" + this.config.waitMs.toString() + "ms";
    const path = String.UTF8.encode("/v1/kv/" + this.config.key + query);
    this.headers.begin(3);
    this.headers.add(METHOD, GET.ptr, GET.len);
    this.headers.add(PATH, changetype<usize>(path), path.byteLength);
    this.headers.add(AUTHORITY, this.authority.ptr, this.authority.len);
    requestCollect();
    if (httpCall(this.cluster, this.headers.ptr, this.headers.len, timeoutMs) != Status.Ok) return this.fail(now);
    this.call = callId();
    this.calling = true;
    this.callDeadlineMs = now + timeoutMs + POLL_GRACE_MS;
  }

  /** The host's clock is the wall's: when it is set back, what was planned would come too late. */
  private startOver(now: u64): void {
    this.nextLeaseMs = now;
    this.nextPollMs = now;
    this.callDeadlineMs = now + this.config.waitMs + this.config.waitMs / 16 + 2 * POLL_GRACE_MS;
    this.lastAnswerMs = min(this.lastAnswerMs, now);
  }

  private fail(now: u64): void {
    this.calling = false;
    this.nextPollMs = now + this.backoffMs;
    this.backoffMs = min(this.backoffMs * 2, BACKOFF_MS_MAX);
    metrics.count(metrics.FEED_FAILURES);
  }

  /** Makes a document the ring in use if it is sound and newer. False if it was refused; the same one again is fine. */
  private accept(ptr: usize, len: i32): bool {
    const mine = this.topology;
    const seal = len >= 8 ? load<u64>(ptr + len - 8) : 0;
    if (mine != null && seal == this.seal) return true;
    const topology = Topology.decode(ptr, len, this.config.k0, this.config.k1);
    if (topology == null) {
      this.reject("refused with code " + topologyError().toString());
      return false;
    }
    if (mine != null && topology.epoch <= mine.epoch) {
      this.reject("epoch " + topology.epoch.toString() + " is not above " + mine.epoch.toString());
      return false;
    }
    this.topology = topology;
    this.seal = seal;
    requestCollect();
    metrics.record(metrics.epoch, topology.epoch);
    metrics.count(metrics.TOPOLOGY_ADOPTED);
    return true;
  }

  private reject(why: string): void {
    metrics.count(metrics.TOPOLOGY_REJECTED);
    log(LogLevel.Warn, "topology document " + why + "; keeping the last good one");
  }
}

/**
 * The end of a cluster's name that can be a host: of Istio's `outbound|8500||consul.default.svc.cluster.local` the service's own name. HTTP servers look at the
 * authority before anything else, and Go's, which is Consul's, answers 400 to one with bars or slashes.
 */
function hostIn(cluster: string): string {
  let from = cluster.length;
  while (from > 0 && isHostCharacter(cluster.charCodeAt(from - 1))) from--;
  return from < cluster.length ? cluster.substring(from) : "topology";
}

/** [A-Za-z0-9._-] */
function isHostCharacter(code: i32): bool {
  const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
  return letter || (code >= 0x30 && code <= 0x39) || code == 0x2d || code == 0x2e || code == 0x5f;
}

/** A header of the response as a whole number; 0 if it is absent or anything else. */
function numberIn(header: Bytes): u64 {
  if (getHeader(MapType.HttpCallResponseHeaders, header) != Status.Ok) return 0;
  const ptr = result();
  const len = resultLen();
  if (len == 0 || len > 18) return 0;
  let value: u64 = 0;
  for (let i = 0; i < len; i++) {
    const digit = <u32>load<u8>(ptr + i) - 0x30;
    if (digit > 9) return 0;
    value = value * 10 + digit;
  }
  return value;
}
