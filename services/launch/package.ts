/**
 * `npm run package`: `build/filter.oci/`, an OCI image layout that holds `build/filter.wasm` as the Wasm image specification's
 * compat variant wants it: one gzipped tar layer with the file `plugin.wasm`. Nothing of the time or the machine goes in: equal wasm, equal digests.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { buildWasm, BuildError } from "./build.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface Packed {
  /** of the manifest: what a registry calls the image's digest */
  readonly digest: string;
  /** of plugin.wasm, 64 hex digits */
  readonly wasmSha256: string;
}

/**
 * Writes the layout, in the place of one that is there.
 * @param version becomes the image's tag, `org.opencontainers.image.ref.name`
 */
export async function packageFilter(wasm: Uint8Array, version: string, folder: string): Promise<Packed> {
  const fresh = `${folder}.${process.pid}`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(join(fresh, "blobs", "sha256"), { recursive: true });

  const blob = async (mediaType: string, bytes: Uint8Array): Promise<Descriptor> => {
    const hex = sha256(bytes);
    await writeFile(join(fresh, "blobs", "sha256", hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };

  const tar = tarOf("plugin.wasm", wasm);
  const layer = await blob(LAYER, gzipped(tar));
  const config = await blob(CONFIG, json({ architecture: "wasm", os: "wasip1", config: {}, rootfs: { type: "layers", diff_ids: [`sha256:${sha256(tar)}`] } }));
  const manifest = await blob(
    MANIFEST,
    json({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config,
      layers: [layer],
      annotations: {
        "module.wasm.image/variant": "compat",
        "org.opencontainers.image.title": "ringway-filter",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
      },
    }),
  );
  const annotations = { "org.opencontainers.image.ref.name": version };
  await writeFile(join(fresh, "index.json"), json({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [{ ...manifest, annotations }] }));
  await writeFile(join(fresh, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));

  await rm(folder, { recursive: true, force: true });
  await rename(fresh, folder);
  return { digest: manifest.digest, wasmSha256: sha256(wasm) };
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** Byte 9 of gzip's header names the operating system that packed; 255 is "unknown". */
function gzipped(bytes: Uint8Array): Uint8Array {
  const packed = gzipSync(bytes, { level: 9 });
  packed[9] = 255;
  return packed;
}

/** A tar of one plain file, read-only, of nobody, from 1970 (POSIX ustar: a header of 512 bytes, the file, zeros to the next 512, and two empty blocks). */
function tarOf(name: string, content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number): void => void header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "ascii");
  header.write(name, 0, "ascii");
  octal(0o444, 100, 8); // mode
  octal(0, 108, 8); // owner
  octal(0, 116, 8); // group
  octal(content.length, 124, 12);
  octal(0, 136, 12); // modification time
  header.write("        ", 148, "ascii"); // the checksum counts as spaces while it is summed up
  header.write("0", 156, "ascii"); // a plain file
  header.write("ustar\x0000", 257, "ascii");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "ascii");
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
}

if (import.meta.main) {
  try {
    await buildWasm((line) => process.stdout.write(`${line}\n`));
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    const { digest, wasmSha256 } = await packageFilter(await readFile(join(root, "build", "filter.wasm")), version, join(root, "build", "filter.oci"));
    process.stdout.write(`build/filter.oci:${version}\n  image       ${digest}\n  plugin.wasm sha256:${wasmSha256}\n`);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
