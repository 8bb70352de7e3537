/** Official clients against the plane in containers, and what its containers are. Runs by `npm run test:docker`, which sets RINGWAY_TEST_PROJECT. */
import { describe, expect, test } from "vitest";
import { clientSuite } from "../e2e/clients/suite.ts";
import { goProgram, noGo, nodeProgram, pythonProgram } from "../e2e/clients/programs.ts";
import { people } from "../e2e/people.ts";
import { containersOf, docker, run } from "./docker.ts";

const project = process.env["RINGWAY_TEST_PROJECT"];
if (project === undefined) console.log("the plane in containers is not tested here: npm run test:docker does it");

async function addressOf(name: string): Promise<string> {
  return docker("inspect", "--format", `{{(index .NetworkSettings.Networks "${project}_inside").IPAddress}}`, (await containersOf(project!)).get(name)!);
}

describe.skipIf(project === undefined)("the plane in containers", async () => {
  const plane = project === undefined ? undefined : { url: process.env["RINGWAY_TEST_URL"]!, mesh: `http://${await addressOf("envoy-a")}:8081`, charm: `http://${await addressOf("charm-1")}:8083` };

  clientSuite({ name: "@slack/rtm-api and @slack/web-api (Node)", program: nodeProgram, person: people.ada }, () => plane!);
  clientSuite({ name: "slack_sdk (Python)", program: pythonProgram, person: people.grace }, () => plane!);
  clientSuite({ name: "slack-go (Go)", program: goProgram, person: people.robot, missing: noGo() }, () => plane!);

  test("Ringway's containers run as nobody's user, on a root that they can't write, without capabilities", async () => {
    const own = [...(await containersOf(project!))].filter(([name]) => !["consul", "postgres"].includes(name));
    expect(own).toHaveLength(15);
    for (const [name, id] of own) {
      const main = await docker("exec", id, "sh", "-c", "id -u; grep CapEff /proc/1/status; touch /ringway/x 2>&1 || true");
      expect(main, name).toMatch(/^10001\nCapEff:\s+0+\n.*Read-only file system/);
    }
  });

  test.each([
    ["services", ["channel", "--id", "cs-9", "--listen", "127.0.0.1:9"], "--ring-key is required"],
    ["services", ["nonsense"], "'nonsense' is not a verb"],
    ["envoy", [], "--ring-key is required"],
  ])("the image %s, started with %j, ends with one line that says what is missing", async (image, args, complaint) => {
    const { code, err } = await run(["docker", "run", "--rm", "--network", "none", `ringway-test-${image}`, ...args]);
    expect(code).toBe(2);
    expect(err.trim().split("\n")).toEqual([expect.stringContaining(complaint)]);
  });
});
