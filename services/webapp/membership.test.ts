import { expect, test } from "vitest";
import { systemClock } from "../runtime/clock.ts";
import { startFakeMesh } from "../../test/webapp/fake-mesh.ts";
import { openMemoryDirectory } from "../store/memory-directory.ts";
import type { Channel } from "../store/directory.ts";
import { Membership } from "./membership.ts";
import { connectMesh } from "./mesh.ts";

const channel: Channel = { id: "C1", name: "one", type: "channel", creator: "U9", createdAt: 1, topic: "", purpose: "" };

test("of changes that two webapps of one directory make at once, the last control says what the directory says", async () => {
  const mesh = await startFakeMesh();
  const directory = openMemoryDirectory();
  await directory.createChannel(channel, ["U9"]);
  const webapps = [1, 2].map(() => new Membership(directory, connectMesh(mesh.url, systemClock), { id: "T1", name: "t", domain: "t" }, systemClock));
  try {
    for (let round = 0; round < 10; round++) {
      mesh.fail("internal", 1, round % 4);
      await Promise.allSettled(webapps.flatMap((webapp) => [webapp.join(channel, "U1"), webapp.leave(channel, "U1"), webapp.join(channel, "U1"), webapp.leave(channel, "U1")]));
      for (const change of await directory.unsettled(["", ""], 1)) await webapps[0]!.settle(change);
      const controls = mesh.told("U1").filter((line) => line.includes("C1")).map((line) => line.split(" ")[0]);
      expect(controls.every((control, i) => control === (i % 2 === 0 ? "join" : "leave"))).toBe(true);
      expect(controls.at(-1)).toBe((await directory.isMember("C1", "U1")) ? "join" : "leave");
    }
  } finally {
    await mesh.close();
  }
});
