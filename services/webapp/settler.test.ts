import { expect, test } from "vitest";
import { openMemoryDirectory } from "../store/memory-directory.ts";
import { startFixture } from "../../test/webapp/fixture.ts";
import { seedDev } from "./dev.ts";

test("what a webapp left between the directory and the announcement is announced by the next one", async () => {
  const directory = openMemoryDirectory();
  await seedDev(directory, 1);
  await directory.change({ channel: "C0RANDOM", user: "U0GRACE", member: false, key: "k1" });
  await directory.createChannel({ id: "C0NEW", name: "new", type: "channel", creator: "U0ADA", createdAt: 1, topic: "", purpose: "" }, ["U0ADA"], "k2");
  const many = Array.from({ length: 40 }, (_, i) => `U1${i}`);
  for (const user of many) await directory.change({ channel: "C0GENERAL", user, member: true, key: `k-${user}` });
  const it = await startFixture(["--dev"], directory);
  try {
    await expect.poll(() => directory.unsettled(["", ""], 1), { timeout: 15_000 }).toEqual([]);
    expect(it.mesh.told("U0GRACE")).toEqual(["leave C0RANDOM", "channel_left"]);
    expect(it.mesh.told("U0ADA")).toEqual(["join C0NEW after 1", "channel_joined"]);
    for (const user of many) expect(it.mesh.told(user)).toEqual([expect.stringMatching(/^join C0GENERAL after \d+$/), "channel_joined"]);
    expect(it.mesh.published("C0GENERAL")).toHaveLength(many.length);
  } finally {
    await it.stop();
  }
});

test("a change that can't be announced keeps no other from it", async () => {
  const it = await startFixture();
  try {
    const users = Array.from({ length: 40 }, (_, i) => `U1${String(i).padStart(2, "0")}`);
    const left = async (): Promise<string[]> => (await it.directory.unsettled(["", ""], 100)).map(({ user }) => user);
    it.mesh.fail("internal", 16);
    await Promise.all(users.map((user) => it.directory.change({ channel: "C0GENERAL", user, member: true, key: `k-${user}` })));
    await expect.poll(left, { timeout: 15_000 }).toEqual(users.slice(0, 16));
    await expect.poll(left, { timeout: 15_000 }).toEqual([]);
  } finally {
    await it.stop();
  }
});
