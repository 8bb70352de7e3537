/** What is measured, by name. */
import type { Pace, Shape } from "./shape.ts";

/** Messages at some pace to some subscribers. */
export interface Cell {
  readonly label: string;
  readonly shape: Shape;
  readonly pace: Pace;
  /** Length of one run; default: that of the effort. */
  readonly ms?: number;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly cells: readonly Cell[];
  /** Whether this kind of system takes part; default: all do. */
  readonly without?: "envoy";
}

const all = (sockets: number, channels = 1): Shape => ({ groups: 1, socketsPerGroup: sockets, channelsPerGroup: channels });

/** So many channels with ten subscribers each, held by a thousand sockets at most. */
function tens(channels: number): Shape {
  const groups = Math.min(100, channels);
  return { groups, socketsPerGroup: 10, channelsPerGroup: channels / groups };
}

/** Deliveries a second that the slopes hold constant. */
const perSecond = 20_000;

export const scenarios: readonly Scenario[] = [
  { name: "single", title: "Single messages", about: "1 channel, 1,000 subscribers, 20 messages/s", cells: [{ label: "20/s", shape: all(1_000), pace: { perSecond: 20 } }] },
  { name: "burst", title: "Bursts", about: "1 channel, 1,000 subscribers, 8 publishes in flight", cells: [{ label: "8 in flight", shape: all(1_000), pace: { inFlight: 8 } }] },
  { name: "spread", title: "Spread", about: "100 channels with 10 subscribers each, 64 publishes in flight", cells: [{ label: "64 in flight", shape: tens(100), pace: { inFlight: 64 } }] },
  {
    name: "mixed",
    title: "Busy sockets",
    about: "200 sockets, each in the same 20 channels, at random moments 100 messages/s per socket; then 1 message/s",
    cells: [
      { label: "100/s", shape: all(200, 20), pace: { perSecond: 100, random: true } },
      { label: "1/s", shape: all(200, 20), pace: { perSecond: 1 }, ms: 4_000 },
    ],
  },
  {
    name: "subscribers",
    title: "More subscribers",
    about: `1 channel, ${perSecond.toLocaleString("en")} deliveries/s`,
    without: "envoy",
    cells: [1_000, 2_500, 5_000, 10_000].map((count) => ({ label: `${count} subscribers`, shape: all(count), pace: { perSecond: perSecond / count }, ms: 2_000 })),
  },
  {
    name: "channels",
    title: "More channels",
    about: "channels with 10 subscribers each, on at most 1,000 sockets, 200 publishes/s: at most 20/s per socket, so that none is busy",
    cells: [10, 100, 1_000, 10_000].map((count) => ({ label: `${count} channels`, shape: tens(count), pace: { perSecond: 200 }, ms: 3_000 })),
  },
  {
    name: "latency",
    title: "Latency",
    about: "10 channels with 10 subscribers each, at random moments",
    cells: [1, 20, 100].map((rate) => ({ label: `${rate}/s per socket`, shape: tens(10), pace: { perSecond: 10 * rate, random: true }, ms: rate === 1 ? 4_000 : 1_500 })),
  },
];

/** What opens connections instead of publishing. */
export const connectionScenarios = ["idle", "storm"] as const;
export type ConnectionScenario = (typeof connectionScenarios)[number];
