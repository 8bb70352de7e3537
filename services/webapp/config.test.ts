import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

test("flags have defaults, except the address", () => {
  expect(readConfig(["--listen", "127.0.0.1:1"])).toMatchObject({ id: "webapp-0", dev: false, ticketTtlMs: 30_000, store: "lmdb", teamId: "T0RINGWAY" });
});

test.each([
  [[], "--listen is required"],
  [["--listen", "127.0.0.1:1", "--pass-every-ms", "1500"], "at most half of --ttl-ms"],
  [["--listen", "127.0.0.1:1", "--mesh-url", "localhost"], "--mesh-url: 'localhost' is not http://host:port"],
  [["--listen", "127.0.0.1:1", "--ticket-ttl-ms", "0"], "--ticket-ttl-ms must be a whole number"],
  [["--listen", "127.0.0.1:1", "--team-id", "x"], "--team-id"],
])("%j is refused by name", (argv, message) => {
  expect(() => readConfig(argv)).toThrow(message);
});
