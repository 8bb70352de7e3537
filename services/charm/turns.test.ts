import { expect, test } from "vitest";
import { Turns } from "./turns.ts";

test("actions run one after the other, and one that fails does not keep the next from its turn", async () => {
  const turns = new Turns(3);
  const seen: string[] = [];
  const action = (name: string) => async (): Promise<string> => {
    seen.push(`${name} begins`);
    await Promise.resolve();
    seen.push(`${name} ends`);
    if (name === "b") throw new Error("b fails");
    return name;
  };
  const all = await Promise.allSettled(["a", "b", "c"].map((name) => turns.run(action(name))));
  expect(all.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(seen).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
});

test("one too many is refused, and taken again once there is room", async () => {
  const turns = new Turns(2);
  let end = (): void => undefined;
  const first = turns.run(() => new Promise<void>((resolve) => (end = resolve)));
  const second = turns.run(() => Promise.resolve());
  await expect(turns.run(() => Promise.resolve())).rejects.toMatchObject({ reason: "overloaded" });
  end();
  await Promise.all([first, second]);
  await expect(turns.run(() => Promise.resolve(1))).resolves.toBe(1);
});
