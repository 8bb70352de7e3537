/** The house rules as a test: who may import whom, what pure files may use, what must not be committed. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" });
const files = listed.split("\n").filter((file) => file !== "");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

const isTest = (file: string): boolean => file.endsWith(".test.ts") || file.startsWith("test/");
const sources = files.filter((file) => file.endsWith(".ts") && !isTest(file));
const under = (folder: string): string[] => sources.filter((file) => file.startsWith(`${folder}/`));

/** What a file imports: bare names as they are, relative ones as paths from the root. */
function imports(file: string): string[] {
  const found = [...read(file).matchAll(/^\s*(?:import|export)\b[^;"']*?from\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)|^\s*import\s+["']([^"']+)["']/gm)];
  return found.map((match) => (match[1] ?? match[2] ?? match[3])!).map((name) => (name.startsWith(".") ? normalize(join(dirname(file), name)) : name));
}

/** `file → import` of every import in `list` that `allowed` refuses. */
function violations(list: readonly string[], allowed: (imported: string, file: string) => boolean): string[] {
  return list.flatMap((file) => imports(file).filter((imported) => !allowed(imported, file)).map((imported) => `${file} → ${imported}`));
}

describe("imports", () => {
  test("the ring core imports nothing outside itself", () => {
    expect(under("filter/ring").length).toBeGreaterThan(3);
    expect(violations(under("filter/ring"), (name) => name.startsWith("filter/ring/"))).toEqual([]);
  });

  test("the SDK imports nothing outside itself", () => {
    expect(under("filter/proxy-wasm-as").length).toBeGreaterThan(3);
    expect(violations(under("filter/proxy-wasm-as"), (name) => name.startsWith("filter/proxy-wasm-as/"))).toEqual([]);
  });

  test("the protocol imports nothing outside itself", () => {
    expect(violations(under("services/protocol"), (name) => name.startsWith("services/protocol/"))).toEqual([]);
  });

  const services = ["charm", "channel", "gateway", "presence", "webapp", "console"];
  const serviceOf = (path: string): string | undefined => services.find((name) => path.startsWith(`services/${name}/`));

  test("no service imports another", () => {
    const list = services.flatMap((name) => under(`services/${name}`));
    expect(violations(list, (name, file) => serviceOf(name) === undefined || serviceOf(name) === serviceOf(file))).toEqual([]);
  });

  test("what the services share imports no service; only main.ts and its verbs see all", () => {
    const shared = ["ring", "runtime", "store", "registry"].flatMap((name) => under(`services/${name}`));
    expect(violations(shared, (name) => serviceOf(name) === undefined && !/^services\/(main|cli|launch)/.test(name))).toEqual([]);
  });

  test("the delivery check is a client: it knows the protocol and the runtime, and nothing of the plane's inside", () => {
    expect(under("services/delivery").length).toBeGreaterThan(3);
    expect(violations(under("services/delivery"), (name) => /^(node:|services\/(delivery|protocol|runtime)\/)/.test(name))).toEqual([]);
  });

  test("what looks at a plane knows the protocol, the ring and the runtime", () => {
    expect(under("services/observe").length).toBeGreaterThan(3);
    expect(violations(under("services/observe"), (name) => /^(node:|services\/(observe|protocol|ring|runtime)\/)/.test(name))).toEqual([]);
  });

  test("the console's page knows nothing of a server but the shapes of its answers", () => {
    const page = files.filter((file) => /^services\/console\/web\/.*\.tsx?$/.test(file) && !isTest(file));
    const shapes = ["services/console/snapshot.ts", "services/observe/figures.ts", "services/protocol/topology.ts", "services/protocol/operator.ts"];
    expect(page.length).toBeGreaterThan(3);
    expect(violations(page, (name) => name.startsWith("services/console/web/") || /^(preact|uplot)/.test(name) || shapes.includes(name))).toEqual([]);
  });

  test("gateways and presence servers know no store", () => {
    const list = [...under("services/gateway"), ...under("services/presence")];
    expect(violations(list, (name) => !name.startsWith("services/store/"))).toEqual([]);
  });

  test.each(["ws", "express", "@assemblyscript/loader", "lmdb", "pg", "prom-client", "cli-progress", "@opentelemetry/api", "@opentelemetry/sdk-trace", "@opentelemetry/exporter-trace-otlp-http", "@opentelemetry/resources"])("%s has one importing file, or one per engine", (name) => {
    const importers = sources.filter((file) => imports(file).includes(name));
    expect(importers).toHaveLength(1);
  });

  test("the client imports nothing outside itself, nor anything that a browser lacks", () => {
    expect(under("client").length).toBeGreaterThan(3);
    expect(violations(under("client"), (name) => name.startsWith("client/"))).toEqual([]);
  });

  test("TypeScript reads build/ring.wasm, never the filter's sources", () => {
    expect(violations(under("services"), (name) => !name.startsWith("filter/"))).toEqual([]);
  });

  test("nothing imports test/", () => {
    expect(violations(sources, (name) => !name.startsWith("test/"))).toEqual([]);
  });
});

describe("pure cores", () => {
  /** A state.ts and all it imports from its own service. */
  function closure(file: string, seen = new Set<string>()): Set<string> {
    if (seen.has(file)) return seen;
    seen.add(file);
    for (const name of imports(file)) if (dirname(name) === dirname(file)) closure(name, seen);
    return seen;
  }
  const states = sources.filter((file) => /^services\/\w+\/state\.ts$/.test(file));

  test("charm, channel, gateway and presence have one", () => {
    expect(states.map((file) => dirname(file)).sort()).toEqual(["services/channel", "services/charm", "services/gateway", "services/presence"]);
  });

  test.each(states)("%s and its siblings use no clock, random, timer, environment or node:", (state) => {
    const impure = /\bDate\.now|\bnew Date\(\)|\bMath\.random|\bperformance\.|\bset(?:Timeout|Interval|Immediate)\b|\bprocess\.|\bcrypto\.|\bfetch\(|["']node:/;
    const found = [...closure(state)].flatMap((file) =>
      read(file)
        .split("\n")
        .map((line, i) => [`${file}:${i + 1}`, line.replace(/^\s*(\/\/|\*|\/\*).*$/, "")] as const)
        .filter(([, line]) => impure.test(line))
        .map(([place]) => place),
    );
    expect(found).toEqual([]);
  });
});

describe("what is committed", () => {
  const texts = files.filter((file) => !/\.(png|ico|wasm)$/.test(file) && file !== "package-lock.json" && file !== "test/tidy.test.ts");

  test("holds no path of a machine and no registry's host", () => {
    const bad = /\/work\/|\/root\/|\/home\/\w+\/|registry\.npmjs|files\.pythonhosted|pypi\.org|proxy\.golang/;
    expect(texts.filter((file) => bad.test(read(file)))).toEqual([]);
    expect(read("package-lock.json")).not.toMatch(/"resolved": "https?:/);
  });

  test("ends no process by name", () => {
    expect(texts.filter((file) => /\b(pkill|killall)\b/.test(read(file)))).toEqual([]);
  });

  test("skips no test in silence and focuses none", () => {
    const bad = /\b(?:test|it|describe)\.only\b|\b(?:test|it|describe)\.skip\(/;
    expect(files.filter((file) => file.endsWith(".test.ts") && bad.test(read(file)) && file !== "test/tidy.test.ts")).toEqual([]);
  });

  test("files hold one idea: none of the sources is longer than 400 lines", () => {
    expect(sources.filter((file) => read(file).split("\n").length > 401)).toEqual([]);
  });

  test("the changelog has the headings that order a roll-out", () => {
    expect(read("CHANGELOG.md")).toMatch(/^### Placement$/m);
    expect(read("CHANGELOG.md")).toMatch(/^### Wire$/m);
  });
});
