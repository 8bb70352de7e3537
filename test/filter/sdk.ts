/** Compiles the SDK's examples and its probe for the tests, when a source is newer than what is there. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const sdk = join(root, "filter", "proxy-wasm-as");

const entries = {
  "add-header": "filter/proxy-wasm-as/examples/add-header/index.ts",
  "call-out": "filter/proxy-wasm-as/examples/call-out/index.ts",
  "sdk-probe": "filter/proxy-wasm-as/probe/index.ts",
} as const;

/** Gives `build/<name>.wasm`. Compiled under another name first, for another test may be loading it. */
export function compiled(name: keyof typeof entries): URL {
  const output = join(root, "build", `${name}.wasm`);
  const sources = readdirSync(sdk, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const newest = Math.max(...[...sources.map((file) => join(sdk, file)), join(root, "asconfig.json")].map((file) => statSync(file).mtimeMs));
  if ((statSync(output, { throwIfNoEntry: false })?.mtimeMs ?? 0) <= newest) {
    mkdirSync(join(root, "build"), { recursive: true });
    const fresh = `${output}.${process.pid}`;
    const asc = join(root, "node_modules", "assemblyscript", "bin", "asc.js");
    execFileSync(process.execPath, [asc, entries[name], "--target", name, "--outFile", fresh], { cwd: root });
    renameSync(fresh, output);
  }
  return pathToFileURL(output);
}
