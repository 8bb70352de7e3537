/** How the load talks to one kind of system. Runs in the load's process; one file per kind in drivers/. */
import type { Socket } from "node:net";
import type { Shape } from "../shape.ts";
import type { TakeText } from "./websocket.ts";

/** Where a system that runs takes clients. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** of further processes of the same system; clients are spread over all */
  readonly morePorts?: readonly number[];
}

/** Which of its processes a client goes to. */
export function addressOf({ host, port, morePorts = [] }: Target, socket: number): { readonly host: string; readonly port: number } {
  return { host, port: [port, ...morePorts][socket % (1 + morePorts.length)]! };
}

/** What a system made ready for a cell: whatever its driver needs to know. */
export type Provided = Readonly<Record<string, unknown>>;

export interface Driver {
  /** What a message is wrapped into, within its PAYLOAD_BYTES. */
  readonly wrap?: readonly [string, string];
  /** Before the system starts. @returns what it is started with */
  prepare?(): Promise<Readonly<Record<string, string>>>;
  /** The system is there. */
  target(target: Target): void;
  /**
   * A cell begins: whoever publishes is connected when it resolves.
   * @param failed to be called when publishing does not work
   */
  begin(shape: Shape, provided: Provided, failed: (why: string) => void): Promise<void>;
  /**
   * Connects a subscriber; it is subscribed to the channels of its group when this resolves.
   * @param take is given all that it is sent
   */
  subscribe(socket: number, take: TakeText, closed: (why: string) => void): Promise<Socket>;
  /** @param payload valid within the call only */
  publish(channel: number, payload: Buffer): void;
  /** The cell is over. */
  end(): Promise<void>;
  /** No system any more. */
  stop?(): Promise<void>;
}
