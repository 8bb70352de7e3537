/** One plane of several sites for all tests of a file; its logs are shown with each failed test. */
import { rm } from "node:fs/promises";
import { afterAll, afterEach, beforeAll } from "vitest";
import { freshFolder } from "../e2e/plane.ts";
import { HostsPlane, type HostsOptions } from "./plane.ts";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** All in one network, the machine's own. */
export function useHosts(options: Pick<HostsOptions, "sites" | "env">): () => HostsPlane {
  let plane: HostsPlane | undefined;
  let data: string;
  beforeAll(async () => {
    data = await freshFolder();
    plane = await HostsPlane.start({ ...options, data, network: "one", say });
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail" && plane !== undefined) say(`--- logs of the plane after: ${task.name}\n${await plane.logs(30)}`);
  });
  afterAll(async () => {
    await plane?.stop();
    await rm(data, { recursive: true, force: true });
  });
  return () => plane!;
}
