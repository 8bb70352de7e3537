/** What a cell of the bench asks of a system: who listens to what, and how it is published. */

/** Groups share nothing: all sockets of a group are in all its channels, and in no other. */
export interface Shape {
  readonly groups: number;
  readonly socketsPerGroup: number;
  readonly channelsPerGroup: number;
}

export type Pace =
  /** So many publishes are on their way at any time: one that reached everybody makes room for the next. */
  | { readonly inFlight: number }
  /** So many a second in all channels together, whatever became of those before; `random`: with gaps as of independent people, the same for every system. */
  | { readonly perSecond: number; readonly random?: boolean };

/** Bytes of a message as the application gave it. */
export const PAYLOAD_BYTES = 128;

export const socketsOf = (shape: Shape): number => shape.groups * shape.socketsPerGroup;
export const channelsOf = (shape: Shape): number => shape.groups * shape.channelsPerGroup;
/** Group of a socket, which is numbered from 0. */
export const groupOf = (shape: Shape, socket: number): number => Math.floor(socket / shape.socketsPerGroup);

/** Name of a channel that every system takes. */
export const channelName = (channel: number): string => `C${String(channel).padStart(8, "0")}`;
/** Number of a channel by its name. */
export const channelNumber = (name: string): number => Number(name.slice(1));
