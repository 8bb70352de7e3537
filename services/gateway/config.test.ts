import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";

const base = ["--id", "gw-0", "--listen", "127.0.0.1:0", "--ring-key", "0".repeat(32)];

describe("readConfig", () => {
  test("fills in defaults", () => {
    expect(readConfig(base)).toMatchObject({ maxSessions: 20_000, heartbeatMs: 20_000, linkPingMs: 1_000, linkSilenceMs: 3_000 });
  });

  test.each([
    [["--pass-every-ms", "1500"], "--pass-every-ms 1500 must be at most half of --ttl-ms 2000"],
    [["--link-ping-ms", "2000"], "--link-ping-ms 2000 must be at most half of --link-silence-ms 3000"],
    [["--hello-within-ms", "20000"], "--hello-within-ms 20000 must not be above --publish-within-ms 10000"],
    [["--heartbeat-ms", "26000"], "--heartbeat-ms must be a whole number from 200 to 25000, not '26000'"],
    [["--id", "no id"], "--id: 'no id' is not valid: this server's ID in the ring, 1..64 of [A-Za-z0-9_-]"],
  ])("%j is a mistake that is named", (argv, message) => {
    expect(() => readConfig([...base, ...argv])).toThrow(message);
  });
});
