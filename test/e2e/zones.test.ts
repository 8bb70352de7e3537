/** Clients are led to gateways of the zone of their Envoy, as long as there is one that takes them. */
import { expect, test } from "vitest";
import { useHosts } from "../hosts/use-hosts.ts";
import { connectRtm } from "./client.ts";
import { everybody } from "./people.ts";
import { until } from "./wait.ts";

const plane = useHosts({
  sites: [
    { zone: "a", names: ["charm", "webapp", "cs-0", "cs-1", "ps-0", "gw-0", "gw-1", "gw-2"] },
    { zone: "b", names: ["gw-3", "gw-4"] },
    { zone: "empty", names: [] },
  ],
});

/** The gateways to which a zone's Envoy leads everybody now. */
async function ledTo(zone: string): Promise<string[]> {
  const found = await Promise.all(everybody.map(async ({ token }) => {
    const rtm = await connectRtm(plane().url(zone), token);
    await rtm.close();
    return rtm.frames.find(({ type }) => type === "hello")!["x_gateway"] as string;
  }));
  return [...new Set(found)].sort();
}

const isWithin = (found: readonly string[], zone: string): boolean => found.every((gateway) => plane().gateways(zone).includes(gateway));

async function expectLed(from: string, to: string): Promise<void> {
  const found = await ledTo(from);
  expect(isWithin(found, to), `from ${from} to ${found.join(", ")}`).toBe(true);
}

test("an upgrade goes to a gateway in its Envoy's zone, and anywhere from a zone that has none", async () => {
  await expectLed("a", "a");
  await expectLed("b", "b");
  expect((await ledTo("empty")).length).toBeGreaterThan(1);
});

test("it goes to another zone while all gateways of its own are drained, and back when they are not", async () => {
  const drain = async (on: boolean): Promise<void> => {
    for (const id of plane().gateways("a")) {
      const answer = await fetch(`${plane().charm}/v1/charm/servers/${id}`, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ drain: on }) });
      expect(answer.status).toBe(200);
    }
  };
  await drain(true);
  await until("Envoy in zone a to lead to zone b", async () => isWithin(await ledTo("a"), "b"));
  await expectLed("b", "b");
  await drain(false);
  await until("Envoy in zone a to lead to its own zone", async () => isWithin(await ledTo("a"), "a"));
});

test("it goes to another zone at once when all gateways of its own are killed, and back when they run again", async () => {
  for (const id of plane().gateways("a")) await plane().proc(id).signal("SIGKILL");
  // Before anybody can have published it: by Envoy's own retries.
  await expectLed("a", "b");
  // More than half of the pool at once: charm holds what it sees.
  await until("charm to see that they are gone", async () => ((await (await fetch(`${plane().charm}/v1/charm/status`)).json()) as { held: { gateway?: unknown[] } }).held.gateway?.length === 3);
  await expectLed("a", "b");
  for (const id of plane().gateways("a")) plane().proc(id).start();
  await plane().whole();
  await until("Envoy in zone a to lead to its own zone", async () => isWithin(await ledTo("a"), "a"));
  await expectLed("b", "b");
});
