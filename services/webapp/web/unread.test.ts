import { expect, test } from "vitest";
import { badge, counted, merged, none, unreadMost, withMark, withMessage, withoutMessage } from "./unread.ts";

test("what others wrote beyond the last mark is unread, until it is marked or deleted", () => {
  let unread = counted("1.0", [{ ts: "1.3", user: "U2" }, { ts: "1.2", user: "U1" }, { ts: "1.1", user: "U2" }], "U1");
  expect(badge(unread)).toBe("2");
  unread = withMessage(withMessage(unread, "1.4"), "1.4");
  expect(badge(unread)).toBe("3");
  unread = withoutMessage(unread, "1.3");
  expect(badge(unread)).toBe("2");
  expect(badge(withMark(unread, "1.1"))).toBe("1");
  expect(badge(withMark(unread, "1.4"))).toBe("0");
});

test("a mark never goes back, and what lies before it stays read", () => {
  const marked = withMark(none, "2.0");
  expect(withMark(marked, "1.0")).toBe(marked);
  expect(badge(withMessage(marked, "1.5"))).toBe("0");
});

test("more than are counted are said to be more", () => {
  let unread = none;
  for (let i = 0; i < 300; i++) unread = withMessage(unread, `1.${1_000 + i}`);
  expect([unread.list.size, badge(unread)]).toEqual([unreadMost, "99+"]);
});

test("a count that comes late takes back neither what was read nor what came meanwhile", () => {
  const found = counted("1.0", [{ ts: "1.2", user: "U2" }, { ts: "1.1", user: "U2" }], "U1");
  expect(merged(found, withMark(none, "1.2"))).toEqual({ lastRead: "1.2", list: new Set() });
  expect([...merged(found, withMessage(none, "1.3")).list]).toEqual(["1.2", "1.1", "1.3"]);
});
