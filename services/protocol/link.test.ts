import fc from "fast-check";
import { expect, test } from "vitest";
import { AFTER_HEAD, decodeLink, encodeLink, noHops, type LinkFrame } from "./link.ts";
import { ProtocolError } from "./problems.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);

test("a link message is what the protocol page says, byte for byte", () => {
  expect(encodeLink({ type: "unsubscribe", chan: 258 }).toString("hex")).toBe("05000000" + "11" + "02010000");
  expect(encodeLink({ type: "event", chan: 1, offset: 5, origin: 2 ** 40 + 7, kind: 0, taken: 1, received: 2, stored: 3, trace: "t", payload: bytes("{}") }).toString("hex")).toBe(
    "33000000" + "21" + "01000000" + "0500000000000000" + "0700000000010000" + "00" + "0100000000000000" + "0200000000000000" + "0300000000000000" + "0100" + "74" + "7b7d",
  );
});

test("records of one message come out in the order they went in", () => {
  const list: LinkFrame[] = [
    { type: "hello", v: 1, server: "gw-0", epoch: 3 },
    { type: "subscribe", chan: 1, after: AFTER_HEAD, id: "C0GENERAL" },
    { type: "publish", req: 9, chan: 1, origin: 77, user: "U0ADA", key: "k", taken: 1_700_000_000_000_000, trace: "", draft: bytes('{"text":"hé"}') },
    { type: "event", chan: 1, offset: 5, origin: 77, kind: 0, ...noHops, payload: new Uint8Array(0) },
    { type: "refused", req: 9, reason: "store_unavailable", detail: "", retryAfterMs: 0 },
  ];
  const plain = (frames: readonly LinkFrame[]): object[] => frames.map((frame) => Object.fromEntries(Object.entries(frame).map(([name, value]) => [name, value instanceof Uint8Array ? new Uint8Array(value) : value])));
  expect(plain(decodeLink(encodeLink(...list)))).toEqual(plain(list));
});

test.each([
  ["truncated record", "0500"],
  ["wrong length", "ff00000011"],
  ["unknown record type", "0100000099"],
  ["cut short", "0300000011ffff"],
  ["bytes too many", "06000000110100000000"],
  ["not a safe integer", "0900000002" + "ffffffffffffffff"],
])("a damaged message is refused: %s", (why, hex) => {
  expect(() => decodeLink(Buffer.from(hex, "hex"))).toThrow(why);
});

test("no bytes whatever bring anything but records or a ProtocolError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (data) => {
      try {
        decodeLink(data);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
    { numRuns: 5_000 },
  );
});
