/** What `GET /v1/status` shows of the state; counters beside. */
export interface ChannelStatus {
  readonly server: string;
  readonly epoch: number;
  readonly warm: number;
  readonly slots: number;
  readonly takenOver: number;
  readonly channels: number;
  readonly links: number;
  readonly subscriptions: number;
  readonly pendingBytes: number;
  /** requests that were refused, by why */
  readonly refusals: Readonly<Record<string, number>>;
}
