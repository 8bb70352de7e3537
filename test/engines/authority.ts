/** A certificate authority for tests, by the machine's openssl, and secrets in files as container platforms mount them. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
/** Too short for OpenSSL's own idea of what is secure. */
export const weakKey = ["-newkey", "rsa:1024", "-nodes"];
const openssl = (...args: string[]): Promise<unknown> => promisify(execFile)("openssl", args);

export class Authority {
  /** its own certificate, PEM */
  readonly ca: string;
  readonly #folder: string;
  #issued = 0;

  private constructor(folder: string, ca: string) {
    this.#folder = folder;
    this.ca = ca;
  }

  static async make(): Promise<Authority> {
    const folder = await mkdtemp(join(tmpdir(), "ringway-ca-"));
    await openssl("req", "-x509", ...newKey, "-keyout", join(folder, "ca.key"), "-out", join(folder, "ca.crt"), "-subj", "/CN=Ringway test", "-days", "2", "-addext", "basicConstraints=critical,CA:true");
    return new Authority(folder, await readFile(join(folder, "ca.crt"), "utf8"));
  }

  /**
   * @param names as openssl writes them: `URI:ringway://channel/cs-0`, `IP:127.0.0.1`, with commas between
   * @param days from now; -1 = it is over
   * @param kindOfKey openssl's arguments
   */
  async issue(names: string, days = 2, kindOfKey = newKey): Promise<Identity> {
    const number = this.#issued++;
    const at = (kind: string): string => join(this.#folder, `${number}.${kind}`);
    await openssl("req", ...kindOfKey, "-keyout", at("key"), "-out", at("csr"), "-subj", "/CN=test");
    await writeFile(at("ext"), `basicConstraints=CA:false\nsubjectAltName=${names}\n`);
    await openssl("x509", "-req", "-in", at("csr"), "-CA", join(this.#folder, "ca.crt"), "-CAkey", join(this.#folder, "ca.key"), "-set_serial", String(number + 1), "-days", String(days), "-extfile", at("ext"), "-out", at("crt"));
    const [cert, key] = await Promise.all([readFile(at("crt"), "utf8"), readFile(at("key"), "utf8")]);
    return { cert, key, ca: this.ca };
  }

  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }
}

/** PEM texts. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export const secretFiles = ({ cert, key, ca }: Identity): Readonly<Record<string, string>> => ({ "tls.crt": cert, "tls.key": key, "ca.crt": ca });

/** Files in `folder` that are links by way of one link, which is swapped: all of them are old, or all are new. */
export async function mount(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(folder, { recursive: true });
  const version = await mkdtemp(join(folder, "..version-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(version, name), text);
  await symlink(version, join(folder, "..new"));
  await rename(join(folder, "..new"), join(folder, "..data"));
  for (const name of Object.keys(files)) await symlink(join("..data", name), join(folder, name)).catch((error: NodeJS.ErrnoException) => (error.code === "EEXIST" ? undefined : Promise.reject(error)));
}
