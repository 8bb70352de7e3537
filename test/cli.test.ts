/** The CLI as a person meets it: the real program, its exit codes, its one-line complaints. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DEV_KEY } from "../services/ring/key.ts";
import { loadRingModule } from "../services/ring/ring.ts";
import { sealTopology } from "../services/ring/seal.ts";
import { Authority, mount, secretFiles } from "./engines/authority.ts";

const main = fileURLToPath(new URL("../services/main.ts", import.meta.url));
const root = fileURLToPath(new URL("../", import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringway-cli-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function ringway(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"], timeout: 50_000 });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")));
    child.on("close", (code) => resolve({ code, out, err }));
  });
}

const tlsFiles = (at: string): string[] => ["--tls-cert-file", `${at}/tls.crt`, "--tls-key-file", `${at}/tls.key`, "--tls-ca-file", `${at}/ca.crt`];

/** A topology of `ids` as channel servers, in a file. */
async function topologyFile(name: string, epoch: number, ids: readonly string[]): Promise<string> {
  const servers = ids.map((id, i) => ({ id, addr: `127.0.0.1:${9100 + i}`, zone: "local", weight: 100, state: "up" as const }));
  const none = { servers: [], pins: [] };
  const module = await loadRingModule(DEV_KEY);
  const sealed = sealTopology(module, { epoch, pools: { channel: { servers, pins: [] }, presence: none, gateway: none } });
  const path = join(folder, name);
  await writeFile(path, sealed.json);
  return path;
}

test("--help lists the verbs; each verb's --help lists its flags, and docs/cli.md is made of them", async () => {
  const { code, out } = await ringway("--help");
  expect(code).toBe(0);
  const verbs = [...out.matchAll(/^ {2}([\w-]+) {2,}\S/gm)].map((match) => match[1]!);
  expect(verbs).toEqual(["dev", "charm", "channel", "gateway", "presence", "webapp", "console", "envoy-config", "status", "top", "ring", "send", "tail", "check", "check-delivery", "token", "store", "completion"]);
  const helps = await Promise.all(verbs.map((verb) => ringway(verb, "--help")));
  for (const help of helps) {
    expect(help.code).toBe(0);
    expect(help.out).toMatch(/^usage: ringway [\s\S]*\n( {2}--\w|\n)/);
  }
  const block = (text: string): string => `\`\`\`\n${text.trimEnd()}\n\`\`\`\n`;
  const pages = verbs.map((verb, i) => `## ringway ${verb}\n\n${block(helps[i]!.out)}`);
  const intro = `# The command line\n\n<!-- Made from what --help says by test/cli.test.ts; to change it, change that and run \`npx vitest run test/cli.test.ts -u\`. -->\n\n\`npm run -s ringway -- <verb>\` in the repository, or \`services/main.ts\` by a link named \`ringway\`. \`source <(ringway completion bash)\` teaches a shell its words.\n\n${block(out)}`;
  await expect([intro, ...pages].join("\n")).toMatchFileSnapshot("../docs/cli.md");
});

test("npm start --tls says which process has no certificate before it starts anything", async () => {
  const [authority, tls] = [await Authority.make(), join(folder, "tls")];
  for (const [role, name] of [["operator", "operator"], ["charm", "charm"], ["webapp", "webapp"], ["channel", "cs-0"]]) await mount(join(tls, name!), secretFiles(await authority.issue(`URI:ringway://${role}/${name}`)));
  await authority.remove();
  expect(await ringway("dev", "--tls", tls)).toMatchObject({ code: 2, out: "", err: `ringway: --tls: ${tls}/cs-1/tls.crt cannot be read (ENOENT)\n` });
});

describe("a wrong command line is one line on stderr and exit code 2", () => {
  test.each([
    [[], ""],
    [["nope"], "'nope' is not a verb"],
    [["channel"], "--id is required"],
    [["channel", "--id", "a b"], "--id: 'a b' is not valid"],
    [["gateway", "--id", "gw-0", "--listen", "here"], "--listen: 'here' is not valid"],
    [["gateway", "--id", "gw-0", "--listen", "127.0.0.1:65536"], "--listen: '127.0.0.1:65536' is not valid"],
    [["charm", "--listen", "127.0.0.1:1", "--ring-key", "short"], "--ring-key: what it says is not valid: cluster hash key"],
    [["console", "--ring-key", DEV_KEY], "RINGWAY_OPERATOR_TOKEN or RINGWAY_OPERATOR_TOKEN_FILE is required"],
    [["console", "--ring-key", DEV_KEY, "--operator-token", "short"], "--operator-token: what it says is not valid"],
    [["console", "--ring-key", DEV_KEY, "--operator-token", "a-long-enough-token", "--envoy-admin-urls", "here"], "--envoy-admin-urls: 'here' is not valid"],
    [["charm", "--listen", "127.0.0.1:1", "--ring-key", DEV_KEY, ...tlsFiles("/nowhere")], "--tls-cert-file: /nowhere/tls.crt cannot be read (ENOENT)"],
    [["status", ...tlsFiles("/nowhere")], "--tls-cert-file: /nowhere/tls.crt cannot be read (ENOENT)"],
    [["dev", "--tls", "/nowhere"], "--tls: /nowhere/operator/tls.crt cannot be read (ENOENT)"],
    [["dev", "--port", "eighty"], "--port must be a whole number"],
    [["dev", "--port", "65500", "--channels", "50"], "leaves no room for the other ports"],
    [["dev", "--store", "disk"], "--store: what it says is not valid: lmdb, memory"],
    [["token", "list", "--store", "memory"], "--store memory keeps no tokens"],
    [["ring", "steal"], "'ring steal' is not known"],
    [["ring"], "ring needs a verb"],
    [["ring", "toString"], "'ring toString' is not known"],
    [["ring", "owner"], "usage: ringway ring owner <id>"],
    [["ring", "drain", "gw-0", "gw-1"], "usage: ringway ring drain <server>"],
    [["ring", "owner", "C1", "--charm-url", "http://127.0.0.1:1"], "does not answer"],
    [["ring", "owner", "C1", "--topology", "/nowhere.json"], "cannot be read (ENOENT)"],
    [["ring", "weight", "cs-0", "many"], "whole number from 0 to 65535"],
    [["check"], "say what to check"],
    [["check-delivery", "--api", "127.0.0.1:8080"], "--api: '127.0.0.1:8080' is not valid: the plane's edge"],
    [["check-delivery", "--api", "http://127.0.0.1:1"], "does not let this check make its channels: ECONNREFUSED"],
    [["check-delivery", "--tokens", "a,,b"], "--tokens: what it says is not valid"],
    [["check-delivery", "--writers", "0"], "--writers must be a whole number from 1 to 1000"],
    [["check-delivery", "--log", "/nowhere/log"], "--log /nowhere/log cannot be written (ENOENT)"],
    [["check-delivery", "--replay", "/nowhere.log"], "--replay /nowhere.log cannot be read (ENOENT)"],
    [["check-delivery", "--replay", "package.json"], "--replay package.json cannot be read (line 1 is not JSON)"],
    [["check-delivery", "--replay", "a", "--log", "b"], "give one of them"],
    [["token", "create"], "needs --user"],
    [["token", "create", "--user", "Not A Name"], "--user"],
  ])("ringway %j", async (args, message) => {
    const { code, err } = await ringway(...args);
    expect(code).toBe(2);
    if (message === "") return;
    expect(err).toContain(message);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });

  test.each([
    ["postgres://u:%E0%A4@127.0.0.1/x", "the URL of the PostgreSQL database can't be read"],
    ["postgres://u:p@127.0.0.1:1/x", "PostgreSQL at 127.0.0.1:1/x does not answer: connect ECONNREFUSED 127.0.0.1:1"],
  ])("ringway token list --store %s has no store", async (url, message) => {
    expect(await ringway("token", "list", "--store", url)).toMatchObject({ code: 1, err: `ringway: ${message}\n` });
  });
});

test("ring owner names slot, owner and preference list; ring diff counts what moves", async () => {
  const before = await topologyFile("before.json", 1, ["cs-0", "cs-1", "cs-2"]);
  const after = await topologyFile("after.json", 2, ["cs-0", "cs-1"]);
  const owner = await ringway("ring", "owner", "C0GENERAL", "--topology", before, "--json");
  expect(JSON.parse(owner.out)).toMatchObject({ id: "C0GENERAL", pool: "channel", epoch: 1, preference: expect.arrayContaining(["cs-0", "cs-1", "cs-2"]) as unknown });
  const diff = JSON.parse((await ringway("ring", "diff", after, "--topology", before, "--json")).out) as { channel_slots_moved: number };
  // A third of 65,536 slots, and minimal: what cs-2 owned and nothing else.
  expect(diff.channel_slots_moved).toBeGreaterThan(65_536 / 3 - 1_500);
  expect(diff.channel_slots_moved).toBeLessThan(65_536 / 3 + 1_500);
  const edited = join(folder, "edited.json");
  await writeFile(edited, (await readFile(before, "utf8")).replace('"weight":100', '"weight":0'));
  expect(JSON.parse((await ringway("ring", "diff", edited, "--topology", before, "--json")).out)).toMatchObject({ channel_slots_moved: expect.closeTo(65_536 / 3, -4) as unknown });
  expect(await ringway("check", "--topology", edited)).toMatchObject({ code: 2, err: expect.stringContaining("was damaged") as unknown });
});

test("ring seal writes what the filter polls, and names what is wrong with a draft", async () => {
  const servers = ["cart-1", "cart-0"].map((id, i) => ({ id, addr: `127.0.0.1:${9100 + i}`, zone: "a", weight: 100, state: "up" as const }));
  const out = join(folder, "topology.bin");
  let drafts = 0;
  const seal = async (given: unknown, ...flags: string[]): Promise<Ended> => {
    const draft = join(folder, `draft-${drafts++}.json`);
    await writeFile(draft, JSON.stringify(given));
    return ringway("ring", "seal", draft, out, ...flags);
  };
  const key = "0f".repeat(16);
  const { code, out: said } = await seal({ epoch: 7, pools: { gateway: { servers, pins: [[5, "cart-1"]] }, channel: { servers: [] } } }, "--ring-key", key, "--json");
  const none = { servers: [], pins: [] };
  const sealed = sealTopology(await loadRingModule(key), { epoch: 7, pools: { channel: none, presence: none, gateway: { servers, pins: [[5, "cart-1"]] } } });
  expect([code, JSON.parse(said)]).toEqual([0, { epoch: 7, key_id: sealed.topology.keyId, bytes: sealed.binary.length, channel_servers: 0, presence_servers: 0, gateway_servers: 2 }]);
  expect(await readFile(out)).toEqual(Buffer.from(sealed.binary));

  const bad = [
    [null, "epoch: must be a whole number from 1"],
    [{ epoch: 0, pools: {} }, "epoch: must be a whole number from 1"],
    [{ epoch: 1, pools: { gateways: { servers } } }, "pools.gateways: not one of channel, presence, gateway"],
    [{ epoch: 1, pools: { gateway: { servers: [{ ...servers[0], addr: "cart.internal:80" }] } } }, "pools.gateway.servers[0].addr"],
    [{ epoch: 1, pools: { gateway: [] } }, "pools.gateway"],
    [{ epoch: 1, pools: { gateway: null } }, "pools.gateway"],
  ] as const;
  const refused = await Promise.all(bad.map(([given]) => seal(given)));
  expect(refused.map(({ code, err }) => [code, err])).toEqual(bad.map(([, message]) => [2, expect.stringContaining(message)]));
  expect(await readFile(out)).toEqual(Buffer.from(sealed.binary));
});

test("a topology of another hash key is refused in one line, not answered wrongly", async () => {
  const topology = await topologyFile("of-dev-key.json", 1, ["cs-0"]);
  const { code, err } = await ringway("ring", "owner", "C0GENERAL", "--topology", topology, "--ring-key", "f".repeat(32));
  expect(code).toBe(2);
  expect(err).toMatch(/^ringway: topology keyId: names key \w+, this process has \w+\n$/);
});

test("a folder that cannot be made is one line", async () => {
  const file = join(folder, "a-file");
  await writeFile(file, "");
  const { code, err } = await ringway("dev", "--data", join(file, "data"));
  expect(code).toBe(1);
  expect(err).toMatch(/^ringway: the folder \S+ cannot be made \(ENOTDIR\); choose another --data\n$/);
});

describe("check", () => {
  test("says that flags are good without starting anything", async () => {
    expect(await ringway("check", "gateway", "--id", "gw-0", "--listen", "127.0.0.1:9", "--ring-key", DEV_KEY)).toMatchObject({ code: 0, out: "gateway: flags are good\n" });
    expect(await ringway("check", "gateway", "--id", "gw-0", "--listen", "127.0.0.1:9", "--ring-key", DEV_KEY, "--pass-every-ms", "1900")).toMatchObject({ code: 2 });
  });

  test("takes a good topology and refuses a damaged one by naming what is wrong", async () => {
    const good = await topologyFile("good.json", 3, ["cs-0"]);
    expect(await ringway("check", "--topology", good)).toMatchObject({ code: 0, out: expect.stringContaining("epoch 3; 1 channel") as unknown });
    const bad = join(folder, "bad.json");
    await writeFile(bad, JSON.stringify({ v: 1, epoch: -1 }));
    expect(await ringway("check", "--topology", bad)).toMatchObject({ code: 2, err: expect.stringContaining("epoch") as unknown });
  });

  test("has Envoy itself read an envoy.yaml", async () => {
    expect(await ringway("check", "--envoy", "envoy/envoy.yaml")).toMatchObject({ code: 0, out: expect.stringContaining("Envoy takes it") as unknown });
    const bad = join(folder, "bad.yaml");
    await writeFile(bad, "static_resources: { listeners: [{ nme: x }] }\n");
    const refused = await ringway("check", "--envoy", bad);
    expect(refused.code).toBe(2);
    expect(refused.err).toContain("nme");
    const shipped = await readFile(join(root, "envoy", "envoy.yaml"), "utf8");
    await writeFile(bad, shipped.replaceAll(DEV_KEY, "short"));
    expect(await ringway("check", "--envoy", bad)).toMatchObject({ code: 2, err: `ringway: ${bad}: plugin configuration: hashKey: not a string of 32 hexadecimal digits\n` });
    await writeFile(bad, shipped.replaceAll("override_host", "overide_host"));
    const long = await ringway("check", "--envoy", bad);
    expect(long.err).toContain("overide_host");
    expect(long.err.length).toBeLessThan(1_000);
  });
});

test("a token is shown once, listed by its hash, and revoked", async () => {
  const data = join(folder, "store");
  const made = await ringway("token", "create", "--user", "eve", "--label", "laptop", "--data", data);
  expect(made.out).toMatch(/^xoxp-[0-9a-f]{40}\n$/);
  const listed = await ringway("token", "list", "--data", data);
  expect(listed.out).toMatch(/^[0-9a-f]{16} {2}U[A-Z2-7]{10} {2}\S+ {2}laptop\n$/);
  expect(listed.out).not.toContain(made.out.trim());
  expect(await ringway("token", "create", "--user", "eve", "--bot", "--data", data)).toMatchObject({ code: 2, err: expect.stringContaining("person, not a bot") as unknown });
  expect(await ringway("token", "revoke", listed.out.slice(0, 16), "--data", data)).toMatchObject({ code: 0, out: "revoked\n" });
  expect(await ringway("token", "list", "--data", data)).toMatchObject({ out: "" });
  expect(await ringway("token", "revoke", made.out.trim(), "--data", data)).toMatchObject({ code: 2, err: expect.stringContaining("no such token") as unknown });
});
