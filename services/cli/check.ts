/** `ringway check …`: says whether flags, a topology document or an Envoy configuration are good, without starting anything. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findEnvoy } from "../launch/find-envoy.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule } from "../ring/ring.ts";
import { validateTopology } from "../ring/topology.ts";
import { ringKeyOrDevFlag } from "../runtime/common-flags.ts";
import { parseFlags, UsageError, type Flags } from "../runtime/flags.ts";
import { complain } from "./output.ts";
import type { Verb } from "./verb.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

const flags = {
  topology: { type: "string", default: "", help: "a topology document (JSON) to check, its table digests too" },
  envoy: { type: "string", default: "", help: "an Envoy configuration to check with Envoy itself, the filter loaded" },
  "ring-key": ringKeyOrDevFlag,
} as const satisfies Flags;

/**
 * The verb, given the readers of every service's flags: `ringway check channel --id cs-0 …` reads them and no more.
 * @param readers service name → its readConfig
 */
export function checkVerb(readers: Readonly<Record<string, (argv: readonly string[]) => unknown>>): Verb {
  return {
    summary: "check a service's flags, a topology document or an envoy.yaml, without starting anything",
    usage: `[${Object.keys(readers).join("|")} its flags…]`,
    flags,
    async run(argv) {
      const service = argv[0];
      if (service !== undefined && !service.startsWith("-")) {
        const read = readers[service];
        if (read === undefined) throw new UsageError(`'${service}' is not a service: one of ${Object.keys(readers).join(", ")}`);
        read(argv.slice(1));
        process.stdout.write(`${service}: flags are good\n`);
        return 0;
      }
      const options = parseFlags(flags, argv);
      if (options.topology === "" && options.envoy === "") throw new UsageError("say what to check: a service with its flags, --topology or --envoy");
      if (options.topology !== "") await checkTopology(options.topology, options.ringKey === "" ? DEV_KEY : options.ringKey.toLowerCase());
      if (options.envoy !== "") await checkEnvoy(options.envoy);
      return 0;
    },
  };
}

async function checkTopology(path: string, key: string): Promise<void> {
  if (key === DEV_KEY) warnOfKey();
  const text = await read(path);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${path} is not JSON: ${(error as Error).message}`);
  }
  try {
    const topology = validateTopology(parsed);
    await (await loadRingModule(key)).buildVerified(topology);
    const sizes = Object.entries(topology.pools).map(([pool, { servers }]) => `${servers.length} ${pool}`);
    process.stdout.write(`${path}: topology is good (epoch ${topology.epoch}; ${sizes.join(", ")} servers)\n`);
  } catch (error) {
    throw new UsageError(`${path}: ${(error as Error).message}`);
  }
}

function warnOfKey(): void {
  complain(new Error("warning: the development hash key is in use; a cluster that strangers reach needs its own --ring-key"));
}

/** What Envoy refuses a configuration for, from what it logged: the filter's own word, else Envoy's, which may quote all of the file. */
function reasonIn(output: string): string {
  const ofFilter = /wasm log [^:]*: (.*)/.exec(output)?.[1];
  const ofEnvoy = /error initializing configuration '[^']*': (.*)/.exec(output)?.[1];
  const reason = ofFilter ?? ofEnvoy ?? output.trim().split("\n").at(-1)!;
  return reason === "" ? "Envoy refuses it" : reason.slice(0, 400);
}

async function checkEnvoy(path: string): Promise<void> {
  const text = await read(path);
  if (text.includes(DEV_KEY)) warnOfKey();
  const envoy = await findEnvoy(join(root, ".cache", "envoy"), (line) => process.stderr.write(`${line}\n`));
  const folder = await mkdtemp(join(tmpdir(), "ringway-check-"));
  try {
    // The shipped file names the filter relative to the repository; Envoy is run there.
    const copy = join(folder, "envoy.yaml");
    await writeFile(copy, text);
    const { code, output } = await validate(envoy, copy);
    if (code !== 0) throw new UsageError(`${path}: ${reasonIn(output)}`);
    process.stdout.write(`${path}: Envoy takes it\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function validate(envoy: string, file: string): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(envoy, ["--mode", "validate", "-c", file, "--log-level", "error", "--disable-hot-restart"], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString("utf8")).slice(0, 64_000);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", (error) => resolve({ code: 127, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

async function read(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path} cannot be read (${error.code})`);
  });
}
