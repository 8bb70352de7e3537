/** compose.yaml without a Docker: the services take their flags, and the parts fit each other. `npm run test:docker` brings it up. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { expect, test } from "vitest";
import { readConfig as readChannel } from "../../services/channel/config.ts";
import { readConfig as readCharm } from "../../services/charm/config.ts";
import { readConfig as readConsole } from "../../services/console/config.ts";
import { readConfig as readGateway } from "../../services/gateway/config.ts";
import { readConfig as readPresence } from "../../services/presence/config.ts";
import { readConfig as readWebapp } from "../../services/webapp/config.ts";
import { DEV_KEY } from "../../services/ring/key.ts";
import { pools } from "../../services/protocol/topology.ts";
import { root } from "../e2e/plane.ts";
import { charms, members } from "./plane.ts";

interface Service {
  readonly command?: string;
  readonly hostname?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
}

const { services, secrets } = parse(await readFile(join(root, "compose.yaml"), "utf8"), { merge: true }) as { services: Record<string, Service>; secrets: object };
const readers = { charm: readCharm, channel: readChannel, gateway: readGateway, presence: readPresence, webapp: readWebapp, console: readConsole };

/** Flags in the place of mounted secrets. */
const given: Readonly<Record<string, readonly string[]>> = { "ring-key": ["--ring-key", DEV_KEY], "operator-token": ["--operator-token", "0123456789abcdef"] };

const own = Object.entries(services).flatMap(([name, service]) => {
  const [role, ...args] = (service.command ?? "").replace(/\$\{\w+:-\}/g, "").trim().split(" ");
  return Object.hasOwn(readers, role!) ? [{ name, service, role: role as keyof typeof readers, args }] : [];
});

test("each service takes the flags that it is started with, and listens on the name of its container", () => {
  expect(own).toHaveLength(14);
  for (const { name, service, role, args } of own) {
    const config = readers[role]([...args, ...(service.secrets ?? []).flatMap((secret) => given[secret] ?? [])]);
    if (role !== "console") expect(config.listen.replace(/:\d+$/, ""), name).toBe(service.hostname);
    if ("id" in config) expect(config.id).toBe(name);
  }
});

test("what the test knows of the plane is what the file has", () => {
  const named = (role: string): string[] => own.filter((one) => one.role === role).map(({ name }) => name);
  for (const pool of pools) expect(named(pool)).toEqual(members[pool]);
  expect(named("charm")).toEqual(charms);
});

test("a container has the secrets that its variables name, and waits for containers that there are", () => {
  for (const [name, { environment = {}, secrets: mounted = [], depends_on: awaited = {} }] of Object.entries(services)) {
    const files = Object.values(environment).flatMap((value) => /^\/run\/secrets\/(.+)$/.exec(value)?.[1] ?? []);
    expect([...mounted].sort(), name).toEqual(files.sort());
    expect(Object.keys(secrets), name).toEqual(expect.arrayContaining(files));
    expect(Object.keys(services), name).toEqual(expect.arrayContaining(Object.keys(awaited)));
  }
});

test("addresses in variables name a container, at the port on which it listens", () => {
  const listens = new Map<string, readonly string[]>([["consul", ["8500"]], ["envoy-a", ["8080", "8081", "8082"]], ["envoy-b", ["8080", "8081", "8082"]]]);
  const ports = (name: string): readonly string[] => listens.get(name) ?? [/--listen \S+:(\d+)/.exec(services[name]?.command ?? "")?.[1] ?? ""];
  const wrong = Object.entries(services).flatMap(([name, { environment = {} }]) =>
    Object.entries(environment).flatMap(([variable, value]) =>
      [...String(value).matchAll(/(?:^|,|\/\/)([a-z][\w-]*):(\d+)/g)].filter(([, host, port]) => !ports(host!).includes(port!)).map(([address]) => `${name}: ${variable} has ${address}`),
    ),
  );
  expect(wrong).toEqual([]);
});
