/** `ringway check-delivery` against a real plane: it passes while servers are killed, and names what a proxy breaks. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Check, openAt, type Checked } from "./check.ts";
import { usePlane } from "./plane.ts";
import { TamperingProxy } from "./tampering-proxy.ts";
import { until } from "./wait.ts";

const plane = usePlane();

const check = (...args: string[]): Promise<Checked> => new Check(...args).ended;

test("a plane whose channel server and gateway are killed keeps its promise; a message taken out of the log afterwards is named", async () => {
  const log = join(plane().data, "check.jsonl");
  const checking = new Check("--api", plane().url, "--seconds", "80", "--rate", "20", "--readers", "6", "--log", log);
  await until("sockets at both gateways", async () => (await openAt(plane())).every((count) => count > 0));
  const [cs, gw] = [plane().named("channel")[0]!, plane().named("gateway")[0]!];
  const old = await plane().kill(cs);
  await plane().restarted(cs, old);
  const oldGateway = await plane().kill(gw);
  await plane().restarted(gw, oldGateway);
  checking.enough();
  const { code, result } = await checking.ended;
  expect(result).toMatchObject({ verdict: "kept", faults: [] });
  expect(code).toBe(0);
  expect(result.acked).toBeGreaterThan(100);
  expect(result.shown).toBeGreaterThanOrEqual(result.acked * 6);
  expect(result.connections).toBeGreaterThan(6);

  expect(await check("--replay", log)).toMatchObject({ code: 0, result: { acked: result.acked, shown: result.shown } });
  const lines = (await readFile(log, "utf8")).split("\n");
  const acked = lines.map((line) => (line === "" ? {} : JSON.parse(line)) as { type?: string; key?: string }).find((line) => line.type === "acked")!.key!;
  const tampered = lines.map((line) => {
    if (!line.includes('"stored"')) return line;
    const stored = JSON.parse(line) as { messages: { key?: string }[] };
    return JSON.stringify({ ...stored, messages: stored.messages.filter((message) => message.key !== acked) });
  });
  await writeFile(log, tampered.join("\n"));
  const again = await check("--replay", log);
  expect(again.code).toBe(1);
  expect(again.result.counts).toMatchObject({ falseAck: 1, lost: 0, phantom: 6 });
  expect(again.result.faults[0]!.text).toContain(`${acked} was acked as`);
}, 90_000);

test("behind a proxy that loses, doubles, swaps and acks for itself, each of the four is found and named", async () => {
  const proxy = new TamperingProxy(plane().url);
  // One writer, which needs no socket: a fault on a writer's socket would be seen by nobody.
  try {
    const { code, err, result } = await check("--api", await proxy.start(), "--seconds", "2", "--writers", "1", "--rate", "40", "--readers", "4", "--channels", "3", "--settle-seconds", "2");
    expect(err).toBe("");
    expect(code).toBe(1);
    const { dropped, doubled, swapped, acked } = proxy.done;
    expect(result.verdict).toBe("broken");
    expect(result.counts).toEqual({ falseAck: 1, lost: 1, doubled: 1, reordered: 1, changed: 0, phantom: 0, gap: 0 });
    const said = (kind: string): string => result.faults.find((fault) => fault.kind === kind)!.text;
    expect(said("falseAck")).toContain(`${acked} was acked`);
    expect(said("lost")).toContain(`never got ${dropped} `);
    expect(said("doubled")).toContain(`got ${doubled} `);
    expect(said("reordered")).toContain(`got ${swapped} `);
  } finally {
    await proxy.stop();
  }
}, 60_000);
