/** The load's process: it holds the subscribers and publishes, and does what its parent says, one command at a time. Ends with its parent. */
import type { Socket } from "node:net";
import { groupOf, socketsOf, type Pace, type Shape } from "../shape.ts";
import type { Driver, Provided, Target } from "./driver.ts";
import { drivers } from "./drivers.ts";
import { Latencies, type LatencySummary } from "./latencies.ts";
import { Ledger } from "./ledger.ts";
import { IdReader, Payload } from "./payload.ts";
import { Publisher } from "./publisher.ts";

export type Command =
  | { readonly do: "prepare" }
  | { readonly do: "target"; readonly target: Target }
  | { readonly do: "begin"; readonly shape: Shape; readonly provided: Provided }
  | { readonly do: "open"; readonly count: number; readonly atOnce: number }
  | { readonly do: "run"; readonly pace: Pace; readonly ms: number }
  | { readonly do: "end" };

export interface Ran {
  readonly published: number;
  readonly deliveries: number;
  readonly ms: number;
  readonly latency: LatencySummary;
  /** CPU of this process, µs: where it is near the whole time, it is the load that is measured */
  readonly loadCpuUs: number;
}

/** Opening of that many subscribers. */
export interface Opened {
  readonly count: number;
  readonly ms: number;
}

const driver: Driver = await drivers[process.argv[2]!]!();
const payload = new Payload(driver.wrap);
const latencies = new Latencies();
const ids = new IdReader();
let shape: Shape;
let ledger: Ledger;
let publisher: Publisher;
const sockets: Socket[] = [];
let ending = false;

/** What breaks before the end of its cell makes the cell fail. */
const failer = (its: Ledger, what: string) => (why: string): void => {
  if (!ending) its.fail(`${what}: ${why}`);
};

async function subscribe(socket: number): Promise<void> {
  const seen = ledger.subscriber(groupOf(shape, socket));
  const mine = ledger;
  sockets.push(
    await driver.subscribe(
      socket,
      (data, start, end) => {
        const id = ids.read(data, start, end);
        if (id > 0) mine.deliver(seen, id, performance.now());
      },
      failer(mine, "a subscriber was cut off"),
    ),
  );
}

async function open(count: number, atOnce: number): Promise<Opened> {
  const first = sockets.length;
  const end = Math.min(first + count, socketsOf(shape));
  let next = first;
  const started = performance.now();
  const opener = async (): Promise<void> => {
    while (next < end) await subscribe(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, opener));
  return { count: end - first, ms: performance.now() - started };
}

async function run(pace: Pace, ms: number): Promise<Ran> {
  if (sockets.length !== socketsOf(shape)) throw new Error(`${sockets.length} subscribers are open, not ${socketsOf(shape)}`);
  latencies.clear();
  const [published, deliveries, started, cpu] = [ledger.published, ledger.deliveries, performance.now(), process.cpuUsage()];
  await publisher.run(pace, ms);
  const { user, system } = process.cpuUsage(cpu);
  return { published: ledger.published - published, deliveries: ledger.deliveries - deliveries, ms: performance.now() - started, latency: latencies.summary(), loadCpuUs: user + system };
}

async function act(command: Command): Promise<unknown> {
  switch (command.do) {
    case "prepare":
      return (await driver.prepare?.()) ?? {};
    case "target":
      return driver.target(command.target);
    case "begin":
      shape = command.shape;
      ending = false;
      ledger = new Ledger(shape, latencies, () => publisher.completed());
      publisher = new Publisher(shape, ledger, (channel, id) => driver.publish(channel, payload.of(id)));
      return driver.begin(shape, command.provided, failer(ledger, "publishing broke"));
    case "open":
      return open(command.count, command.atOnce);
    case "run":
      return run(command.pace, command.ms);
    case "end":
      ending = true;
      for (const socket of sockets.splice(0)) socket.resetAndDestroy();
      return driver.end();
  }
}

process.on("message", (command: Command) => {
  act(command).then(
    (value) => process.send!({ value: value ?? null }),
    (error: unknown) => process.send!({ error: (error as Error).message }),
  );
});
process.on("disconnect", () => process.exit());
