/**
 * The images of the test: Ringway's own by the project's Dockerfile; and since no registry of images may be asked, a base for them from Debian's packages
 * (mmdebstrap), and on it a Consul and a PostgreSQL behind the interface of the public ones. What is there already, and has not changed, is not made again.
 */
import { createHash } from "node:crypto";
import { copyFile, cp, mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildConsul, findConsul } from "../engines/consul.ts";
import { docker, must, run } from "./docker.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const here = join(root, "test", "docker");
/** What the machine trusts is trusted by the builds, too. */
const trusted = "/etc/ssl/certs/ca-certificates.crt";

/** The variables by which compose.yaml names images. */
export type Images = Readonly<Record<"BASE_IMAGE" | "SERVICES_IMAGE" | "ENVOY_IMAGE" | "CONSUL_IMAGE" | "POSTGRES_IMAGE", string>>;

/** @param say told what takes long @throws Error where something is missing, or can't be built */
export async function makeImages(say: (line: string) => void): Promise<Images> {
  const base = await makeBase(say);
  const own = async (target: string): Promise<string> => {
    say(`Building the image ${target}`);
    await build(`ringway-test-${target}`, root, base, ["--target", target]);
    return `ringway-test-${target}`;
  };
  return { BASE_IMAGE: base, SERVICES_IMAGE: await own("services"), ENVOY_IMAGE: await own("envoy"), CONSUL_IMAGE: await makeConsul(base, say), POSTGRES_IMAGE: await makePostgres(base, say) };
}

/** Debian, this Node, npm: what stands in for the public image of Node. */
async function makeBase(say: (line: string) => void): Promise<string> {
  const tag = `ringway-test-base:${createHash("sha256").update(process.version).update(await readFile(fileURLToPath(import.meta.url))).digest("hex").slice(0, 16)}`;
  if (await isThere(tag)) return tag;
  say("Building the base image from Debian's packages (about a minute, once)");
  const folder = await mkdtemp(join(tmpdir(), "ringway-base-"));
  try {
    await mkdir(join(folder, "local", "bin"), { recursive: true });
    await copyFile(process.execPath, join(folder, "local", "bin", "node"));
    await cp(await findNpm(), join(folder, "local", "lib", "node_modules", "npm"), { recursive: true });
    const tar = join(folder, "base.tar");
    const links = ["npm", "npx"].map((name) => `ln -s ../lib/node_modules/npm/bin/${name}-cli.js "$1/usr/local/bin/${name}"`);
    const hooks = [`cp -r ${join(folder, "local")} "$1/usr/"`, ...links, `cp ${trusted} "$1${trusted}"`].map((hook) => `--customize-hook=${hook}`);
    const codename = /^VERSION_CODENAME=(\w+)$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1] ?? "stable";
    await must(["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", ...hooks, codename, tar]);
    await docker("import", "--change", `ENV NODE_EXTRA_CA_CERTS=${trusted} PIP_CERT=${trusted} PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`, tar, tag);
    return tag;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The folder of the npm that runs this, or of the one on PATH. */
async function findNpm(): Promise<string> {
  const script = process.env["npm_execpath"] ?? (await realpath(await onPath("npm")));
  return dirname(dirname(script));
}

async function makeConsul(base: string, say: (line: string) => void): Promise<string> {
  const bin = (await findConsul()) ?? (await buildConsul(say));
  const context = await mkdtemp(join(tmpdir(), "ringway-consul-"));
  try {
    await copyFile(await onPath(bin), join(context, "consul"));
    await copyFile(join(here, "consul", "Dockerfile"), join(context, "Dockerfile"));
    await build("ringway-test-consul", context, base);
    return "ringway-test-consul";
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

async function onPath(program: string): Promise<string> {
  return program.includes("/") ? program : await must(["sh", "-c", `command -v ${program}`]);
}

async function makePostgres(base: string, say: (line: string) => void): Promise<string> {
  say("Building the image postgres");
  await build("ringway-test-postgres", join(here, "postgres"), base);
  return "ringway-test-postgres";
}

/** The network of the machine: a daemon of the test's own has no other for builds. */
async function build(tag: string, context: string, base: string, more: readonly string[] = []): Promise<void> {
  const proxies = Object.keys(process.env).filter((name) => /^(https?|no)_proxy$/i.test(name)).flatMap((name) => ["--build-arg", name]);
  await docker("build", "--network", "host", "--build-arg", `BASE_IMAGE=${base}`, ...proxies, ...more, "--tag", tag, context);
}

async function isThere(tag: string): Promise<boolean> {
  return (await run(["docker", "image", "inspect", tag])).code === 0;
}
