/** A plane is moved to another cluster key, as docs/operations.md says. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { call } from "./client.ts";
import { topologyOf } from "./operate.ts";
import { people } from "./people.ts";
import { freshFolder, startPlane, type TestPlane } from "./plane.ts";

test("stopped, freed of what the old key sealed, and started with another one, a plane has all that it had and goes on", async () => {
  const data = await freshFolder();
  const with_ = (digit: string): Promise<TestPlane> => startPlane({ data, env: { RINGWAY_RING_KEY: digit.repeat(32) } });
  const texts = async (plane: TestPlane): Promise<string[]> => ((await call(plane.url, people.ada.token, "conversations.history", { channel: "C0GENERAL" }))["messages"] as { text: string }[]).map(({ text }) => text);
  const post = (plane: TestPlane, text: string) => call(plane.url, people.ada.token, "chat.postMessage", { channel: "C0GENERAL", text });
  try {
    const before = await with_("1");
    const { keyId } = await topologyOf(before);
    await post(before, "by the old key");
    await before.stop();
    await rm(join(data, "charm"), { recursive: true });
    const after = await with_("2");
    expect((await topologyOf(after)).keyId === keyId).toBe(false);
    await post(after, "by the new key");
    expect((await texts(after)).slice(0, 2)).toEqual(["by the new key", "by the old key"]);
    await after.stop();
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}, 150_000);
