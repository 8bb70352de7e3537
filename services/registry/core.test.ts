import { expect, test } from "vitest";
import { systemClock } from "../runtime/clock.ts";
import { createLog } from "../runtime/log.ts";
import { Core } from "./core.ts";
import type { Disk } from "./disk.ts";

test("a session whose end did not reach the disk ends at the next sweep: its lock is not held by a dead one for ever", async () => {
  let full = false;
  const disk: Disk = {
    load: async () => undefined,
    save: async () => {
      if (full) throw new Error("no space");
    },
  };
  const core = new Core(1, [], disk, systemClock, createLog("registry", "test", "silent"));
  const now = systemClock.now();
  const session = core.sessions.add({ id: "s1", name: "charm", ttlMs: 10_000, behavior: "release", lockDelayMs: 0, createIndex: 1 }, now);
  await core.change((index) => core.kv.planPut("leader", Buffer.from("one"), { acquire: session.id }, index));
  full = true;
  core.sweep(now + 10_001, 0);
  await core.settled();
  expect(core.kv.get("leader")?.session).toBe("s1");
  full = false;
  await expect
    .poll(() => {
      core.sweep(now + 10_002, 0);
      return core.kv.get("leader");
    })
    .not.toHaveProperty("session");
  expect(core.sessions.get("s1")).toBeUndefined();
});
