/**
 * Filters made for the comparison, compiled when the bench runs: an empty one, and ones that do a part of what Ringway's does, so
 * that the difference between two of them is what that part costs.
 */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(root, "build", "bench");

/** Compiles AssemblyScript to `build/bench/<name>.wasm` and gives that path. */
export async function compile(name: string, source: string, runtime: "stub" | "incremental"): Promise<string> {
  await mkdir(folder, { recursive: true });
  const entry = join(folder, `${name}.ts`);
  const output = join(folder, `${name}.wasm`);
  await writeFile(entry, source);
  const asc = join(root, "node_modules", "assemblyscript", "bin", "asc.js");
  const args = [asc, entry, "-o", output, "--runtime", runtime, "-O3", "--noAssert", ...(runtime === "stub" ? ["--use", "abort="] : ["--exportRuntime"])];
  await promisify(execFile)(process.execPath, args, { cwd: root });
  return output;
}

export interface Steps {
  /** Be told of each stream's start and end. */
  readonly lifecycle?: boolean;
  /** Read the whole header map. */
  readonly pairs?: boolean;
  /** Read `:path` and nothing else. */
  readonly path?: boolean;
  /** Set so many headers (0..3). */
  readonly headers?: number;
  /** Add to one counter. */
  readonly metric?: boolean;
}

/** A filter that is called once per request and does these steps; with none it is the empty filter. */
export function probe(name: string, steps: Steps = {}): Promise<string> {
  const { lifecycle = false, pairs = false, path = false, headers = 0, metric = false } = steps;
  const names = ["x-probe-upstream", "x-probe-epoch", "x-probe-slot"];
  const value = "127.0.0.1:40000,127.0.0.1:40001,127.0.0.1:40002";
  const data = (text: string): string => `memory.data<u8>([${[...Buffer.from(text)].join(",")}])`;
  const set = (i: number): string => `replace(0, name${i}, ${names[i]?.length}, value, ${i === 0 ? value.length : 5});`;
  const source = `
${pairs ? '@external("env", "proxy_get_header_map_pairs") declare function pairs(type: u32, value: usize, size: usize): u32;' : ""}
${path ? '@external("env", "proxy_get_header_map_value") declare function get(type: u32, key: usize, keySize: u32, value: usize, size: usize): u32;' : ""}
${headers > 0 ? '@external("env", "proxy_replace_header_map_value") declare function replace(type: u32, key: usize, keySize: u32, value: usize, size: u32): u32;' : ""}
${metric ? '@external("env", "proxy_define_metric") declare function define(type: u32, name: usize, size: u32, id: usize): u32;\n@external("env", "proxy_increment_metric") declare function increment(id: u32, by: i64): u32;' : ""}
const arena: usize = memory.data(65536);
const out: usize = memory.data(16);
let used: usize = 0;
let id: u32 = 0;
${names.map((text, i) => `const name${i}: usize = ${data(text)};`).join("\n")}
const value: usize = ${data(value)};
const pathName: usize = ${data(":path")};
export function proxy_abi_version_0_2_1(): void {}
export function proxy_on_memory_allocate(size: u32): usize { const at = arena + used; used = (used + size + 7) & 0xfff8; return at; }
${lifecycle ? "export function proxy_on_context_create(id: u32, parent: u32): void {}\nexport function proxy_on_delete(id: u32): void {}" : ""}
${metric ? "export function proxy_on_configure(root: u32, size: u32): u32 { define(0, name0, 16, out); id = load<u32>(out); return 1; }" : ""}
export function proxy_on_request_headers(stream: u32, count: u32, end: u32): u32 {
  used = 0;
  ${pairs ? "pairs(0, out, out + 4);" : ""}
  ${path ? "get(0, pathName, 5, out, out + 4);" : ""}
  ${Array.from({ length: headers }, (_, i) => set(i)).join("\n  ")}
  ${metric ? "increment(id, 1);" : ""}
  return 0;
}
`;
  return compile(name, source, "stub");
}
