/** A connection with TCP's promises: each direction keeps its order, an end is noticed after what was sent before it. */
import type { Kernel } from "./kernel.ts";
import type { Network, Path } from "./network.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";

export interface Handlers<T> {
  data(item: T): void;
  /** once; nothing is called after it, and not after a `close` of one's own */
  closed(): void;
}

interface Packet<T> {
  readonly at: number;
  /** undefined is the end */
  readonly item: T | undefined;
}

/** One end, as its process holds it. */
export class Side<T> {
  readonly process: Process;
  handlers: Handlers<T> | undefined;
  peer!: Side<T>;
  /** its process is done with it */
  closed = false;
  readonly #net: Network;
  readonly #kernel: Kernel;
  readonly #path: Path;
  readonly #settle: () => void;
  /** on its way to the peer */
  #queue: Packet<T>[] = [];
  #severed = false;
  #moving = false;
  #stalled = false;

  constructor(net: Network, kernel: Kernel, path: Path, process: Process, settle: () => void) {
    this.#net = net;
    this.#kernel = kernel;
    this.#path = path;
    this.process = process;
    this.#settle = settle;
  }

  get inFlight(): number {
    return this.#queue.length;
  }

  send(item: T): void {
    if (!this.closed && !this.#severed) this.#push(item);
  }

  /** Sends what waits, then ends it; the own `closed` is not called. */
  close(): void {
    this.closed = true;
    this.sever(0);
    this.#settle();
  }

  /** Nothing more goes out but the end; the last `lost` packets on their way never arrive. */
  sever(lost: number): void {
    if (this.#severed) return;
    this.#severed = true;
    this.#queue.length -= Math.min(lost, this.#queue.length);
    this.#push(undefined);
  }

  healed(): void {
    if (!this.#stalled) return;
    this.#stalled = false;
    this.#kernel.after(this.#net.delay(), () => this.#arrive());
  }

  #push(item: T | undefined): void {
    this.#queue.push({ at: this.#kernel.now + this.#net.delay(), item });
    if (!this.#moving) this.#move();
  }

  #move(): void {
    const [first] = this.#queue;
    this.#moving = first !== undefined;
    if (first !== undefined) this.#kernel.at(first.at, () => this.#arrive());
  }

  #arrive(): void {
    if (this.#net.isCut(this.#path)) {
      this.#stalled = true;
      return;
    }
    const packet = this.#queue.shift();
    const { peer } = this;
    if (packet !== undefined && !peer.closed) {
      peer.process.post(() => {
        if (peer.closed) return;
        if (packet.item !== undefined) return peer.handlers?.data(packet.item);
        peer.closed = true;
        this.#settle();
        peer.handlers?.closed();
      });
    }
    this.#move();
  }
}

export class Connection<T> {
  readonly path: Path;
  readonly a: Side<T>;
  readonly b: Side<T>;
  readonly #random: Random;

  /** @param over called when both ends are done with it */
  constructor(net: Network, kernel: Kernel, random: Random, path: Path, a: Process, b: Process, over: () => void) {
    this.path = path;
    this.#random = random;
    const settle = (): void => {
      if (!this.a.closed || !this.b.closed) return;
      forgetA();
      forgetB();
      over();
    };
    this.a = new Side(net, kernel, path, a, settle);
    this.b = new Side(net, kernel, [...path].reverse(), b, settle);
    this.a.peer = this.b;
    this.b.peer = this.a;
    const forgetA = a.onDeath(() => this.#died(this.a));
    const forgetB = b.onDeath(() => this.#died(this.b));
  }

  /** Somebody between the two resets it: both notice, and some of what was on its way is lost. */
  break(): void {
    for (const side of [this.a, this.b]) side.sever(this.#random.below(side.inFlight + 1));
  }

  healed(): void {
    this.a.healed();
    this.b.healed();
  }

  /** The kernel closes the socket; unread bytes make that a reset, which may cost the last packets. */
  #died(side: Side<T>): void {
    side.sever(this.#random.chance(0.5) ? this.#random.below(side.inFlight + 1) : 0);
    side.close();
  }
}
