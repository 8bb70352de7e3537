import { expect, test } from "vitest";
import { createLog } from "../runtime/log.ts";
import type { Snapshot } from "./snapshot.ts";
import { Watch } from "./watch.ts";

test("a look that fails is told to who waits for it, and the next one is made as ever", async () => {
  const answers = [() => Promise.reject(new Error("a defect")), () => Promise.resolve({ epoch: 7, decisions: [] } as unknown as Snapshot)];
  const watch = new Watch(() => answers.shift()!(), createLog("test", "watch", "silent"));
  const both = await Promise.allSettled([watch.follow().next(), watch.follow().next()]);
  expect(both).toMatchObject([{ status: "rejected", reason: { reason: "unavailable" } }, { status: "rejected", reason: { reason: "unavailable" } }]);
  expect(watch.watchers).toBe(0);
  const follower = watch.follow();
  expect((await follower.next()).value).toMatchObject({ epoch: 7 });
  await follower.return(undefined);
  watch.stop();
});
