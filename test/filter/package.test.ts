/** The image of the filter, read back by what did not write it. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageFilter } from "../../services/launch/package.ts";
import { root } from "./yaml.ts";

const run = promisify(execFile);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Record<string, string>;
}

let folder: string;
let layout: string;
let wasm: Buffer;

/** A blob by its descriptor, whose digest and size are checked. */
async function blob(descriptor: Descriptor): Promise<Buffer> {
  const [algorithm, hex] = descriptor.digest.split(":");
  const bytes = await readFile(join(layout, "blobs", algorithm!, hex!));
  expect({ digest: `sha256:${sha256(bytes)}`, size: bytes.length }).toEqual({ digest: descriptor.digest, size: descriptor.size });
  return bytes;
}

const parsed = async <T>(descriptor: Descriptor): Promise<T> => JSON.parse((await blob(descriptor)).toString()) as T;

async function manifestOf(): Promise<{ descriptor: Descriptor; manifest: { schemaVersion: number; mediaType: string; config: Descriptor; layers: Descriptor[]; annotations: Record<string, string> } }> {
  const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8")) as { schemaVersion: number; manifests: Descriptor[] };
  expect(index).toMatchObject({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json" });
  expect(index.manifests).toHaveLength(1);
  const descriptor = index.manifests[0]!;
  return { descriptor, manifest: await parsed(descriptor) };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringway-package-"));
  layout = join(folder, "filter.oci");
  wasm = await readFile(join(root, "build", "filter.wasm"));
  await packageFilter(wasm, "1.2.3", layout);
});
afterAll(() => rm(folder, { recursive: true }));

describe("the image of the filter", () => {
  test("is an OCI layout of one image with the version as its tag", async () => {
    expect(JSON.parse(await readFile(join(layout, "oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
    const { descriptor } = await manifestOf();
    expect(descriptor).toMatchObject({ mediaType: "application/vnd.oci.image.manifest.v1+json", annotations: { "org.opencontainers.image.ref.name": "1.2.3" } });
  });

  test("is the Wasm image specification's compat variant: the annotation, a plain config, one gzipped tar layer", async () => {
    const { manifest } = await manifestOf();
    expect(manifest).toMatchObject({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json" },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" }],
      annotations: { "module.wasm.image/variant": "compat" },
    });
    const tar = gunzipSync(await blob(manifest.layers[0]!));
    expect(await parsed(manifest.config)).toMatchObject({ architecture: "wasm", rootfs: { type: "layers", diff_ids: [`sha256:${sha256(tar)}`] } });
  });

  test("holds plugin.wasm and nothing else, byte for byte, as tar itself reads it", async () => {
    const { manifest } = await manifestOf();
    const file = join(layout, "blobs", "sha256", manifest.layers[0]!.digest.slice("sha256:".length));
    expect((await run("tar", ["-tzf", file])).stdout).toBe("plugin.wasm\n");
    const { stdout } = await run("tar", ["-xOzf", file, "plugin.wasm"], { encoding: "buffer", maxBuffer: 64 << 20 });
    expect(stdout.equals(wasm)).toBe(true);
    expect(stdout.subarray(0, 4).toString("latin1")).toBe("\0asm");
  });

  test("holds no blob that nothing names", async () => {
    const { descriptor, manifest } = await manifestOf();
    const named = [descriptor, manifest.config, ...manifest.layers].map(({ digest }) => digest.slice("sha256:".length));
    expect((await readdir(join(layout, "blobs", "sha256"))).sort()).toEqual(named.sort());
  });

  test("is the same for the same wasm, another for another, and takes the place of what was there", async () => {
    const before = (await manifestOf()).descriptor.digest;
    const again = join(folder, "again.oci");
    await cp(layout, again, { recursive: true });
    expect((await packageFilter(wasm, "1.2.3", again)).digest).toBe(before);
    expect((await packageFilter(Buffer.concat([wasm, Buffer.of(0)]), "1.2.3", again)).digest).not.toBe(before);
    expect(await readdir(join(again, "blobs", "sha256"))).toHaveLength(3);
    expect((await readdir(folder)).sort()).toEqual(["again.oci", "filter.oci"]);
  });

  test("is what `npm run package` makes of build/filter.wasm", async () => {
    const { stdout } = await run(process.execPath, ["services/launch/package.ts"], { cwd: root });
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    const made = await readFile(join(root, "build", "filter.wasm"));
    expect(stdout).toContain(`build/filter.oci:${version}`);
    expect(stdout).toContain(`plugin.wasm sha256:${sha256(made)}`);
    layout = join(root, "build", "filter.oci");
    expect(stdout).toContain((await manifestOf()).descriptor.digest);
  });
});
