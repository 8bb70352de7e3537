/** The SDK as it would be published: packed, unpacked into a project that has nothing else, and used as its README says. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { ProxyHost, type Pairs } from "../host/host.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const sdk = join(root, "filter", "proxy-wasm-as");
const asc = join(root, "node_modules", "assemblyscript", "bin", "asc.js");
const project = mkdtempSync(join(tmpdir(), "ringway-sdk-package-"));
const readme = readFileSync(join(sdk, "README.md"), "utf8");

afterAll(() => rmSync(project, { recursive: true, force: true }));

/** What stands between fences of that language in the README; the first one. */
function fenced(language: string): string {
  return readme.match(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``))?.[1] ?? "";
}

test("the package holds what is needed, and no more", () => {
  const [packed] = JSON.parse(execFileSync("npm", ["pack", "--json", "--pack-destination", project], { cwd: sdk, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })) as {
    filename: string;
    files: { path: string }[];
  }[];
  const paths = packed!.files.map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(["LICENSE", "README.md", "CHANGELOG.md", "index.ts", "exports.ts", "hostcalls/grpc.ts", "callbacks/tcp.ts", "examples/call-out/index.ts"]));
  expect(paths.filter((path) => path.startsWith("probe/") || path.endsWith(".wasm"))).toEqual([]);
  execFileSync("tar", ["-xzf", packed!.filename], { cwd: project });
  mkdirSync(join(project, "node_modules"));
  renameSync(join(project, "package"), join(project, "node_modules", "proxy-wasm-as"));
});

test("the README's plugin compiles by the README's command, and runs", () => {
  writeFileSync(join(project, "hello.ts"), fenced("ts"));
  const command = fenced("sh").trim().split(/\s+/);
  expect(command[0]).toBe("asc");
  execFileSync(process.execPath, [asc, ...command.slice(1)], { cwd: project });
  const vm = new ProxyHost(pathToFileURL(join(project, "hello.wasm"))).start({ configuration: "" });
  const headers: Pairs = [];
  expect(vm.openHttp().requestHeaders(headers)).toBe(true);
  expect(headers).toEqual([["x-hello", "world"]]);
});

test.each(["add-header", "call-out"])("the example %s compiles from a copy that imports the package by its name", (name) => {
  const source = readFileSync(join(sdk, "examples", name, "index.ts"), "utf8");
  writeFileSync(join(project, `${name}.ts`), source.replaceAll('"../../index"', '"proxy-wasm-as"'));
  const use = "abort=~lib/proxy-wasm-as/exports/abort";
  execFileSync(process.execPath, [asc, `${name}.ts`, "-o", `${name}.wasm`, "-O3", "--runtime", "minimal", "--exportStart", "_initialize", "--use", use], { cwd: project });
  expect(new ProxyHost(pathToFileURL(join(project, `${name}.wasm`))).start({ configuration: "x" }).configured).toBe(true);
});
