/** What the host's calls see of the VM that makes them. */
import type { Context } from "./context.ts";
import type { ProxyHost } from "./host.ts";
import type { GuestMemory } from "./memory.ts";
import type { Pairs } from "./pairs.ts";

export interface VmOptions {
  /** what Envoy would hand over as the plugin configuration */
  readonly configuration: string;
  /** the VM's own configuration */
  readonly vmConfiguration?: string;
  /** who shares data and queues by name; "" by default */
  readonly vmId?: string;
  /** Envoy's own zone; absent is a host without that property */
  readonly zone?: string;
  /** further properties, by path with NULs as dots */
  readonly properties?: Readonly<Record<string, string>>;
  /** clusters that the host knows; a call to another is refused */
  readonly clusters?: readonly string[];
  /** what WASI gives as the environment */
  readonly environment?: Readonly<Record<string, string>>;
  /** the host's own functions, by name; undefined is a refusal */
  readonly foreign?: Readonly<Record<string, (args: Buffer) => Uint8Array>>;
  readonly logLevel?: number;
}

export interface HttpCall {
  readonly id: number;
  /** the context whose root hears of the answer */
  readonly root: number;
  readonly cluster: string;
  readonly headers: Pairs;
  readonly body: Buffer;
  readonly trailers: Pairs;
  readonly timeoutMs: number;
}

export interface GrpcCall {
  readonly id: number;
  readonly root: number;
  readonly upstream: string;
  readonly service: string;
  readonly method: string;
  readonly metadata: Pairs;
  /** messages sent: one for a call, any number for a stream */
  readonly messages: Buffer[];
  readonly stream: boolean;
  /** the module has sent its last message */
  ended: boolean;
}

export interface LogLine {
  readonly level: number;
  readonly text: string;
}

export interface Machine {
  readonly host: ProxyHost;
  readonly options: VmOptions;
  readonly memory: GuestMemory;
  readonly logs: LogLine[];
  readonly calls: HttpCall[];
  readonly grpcCalls: GrpcCall[];
  readonly contexts: Map<number, Context>;
  /** the context that calls mean now; undefined outside of any */
  effective: Context | undefined;
  status: { readonly code: number; readonly message: string };
  tickPeriodMs: number;
  nextCallId(): number;
  queueReady(queueId: number, root: number): void;
}

/** The root of a context, or the context itself if that is gone. */
export function rootOf(machine: Machine): Context | undefined {
  return machine.effective === undefined ? undefined : (machine.contexts.get(machine.effective.rootId) ?? machine.effective);
}
