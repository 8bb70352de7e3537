/** What a host keeps of one context: a plugin configuration (a root), or a stream of one. */
import type { Pairs } from "./pairs.ts";

export interface LocalResponse {
  readonly status: number;
  readonly details: string;
  readonly headers: Pairs;
  readonly body: string;
  readonly grpcStatus: number;
}

export class Context {
  readonly id: number;
  /** of its root; its own id if it is one */
  readonly rootId: number;
  readonly maps = new Map<number, Pairs>();
  readonly buffers = new Map<number, Buffer>();
  /** stands in for a map: what a faulty host would give */
  rawHeaderMap: Uint8Array | undefined;
  readonly properties = new Map<string, Buffer>();
  local: LocalResponse | undefined;
  /** stream types that the module let go on, and those it closed, in order */
  readonly resumed: number[] = [];
  readonly closed: number[] = [];
  /** `proxy_on_done` said no, and `proxy_done` has not come yet */
  pendingDone = false;

  constructor(id: number, rootId: number) {
    this.id = id;
    this.rootId = rootId;
  }

  get isRoot(): boolean {
    return this.id === this.rootId;
  }
}
