import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Authority, secretFiles, weakKey, type Identity } from "../../test/engines/authority.ts";
import { readMaterial, ringwayName, type IdentityFiles } from "./certificate.ts";

let folder: string;
let authority: Authority;
let good: Identity;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringway-certificate-"));
  authority = await Authority.make();
  good = await authority.issue("URI:ringway://channel/cs-0,IP:127.0.0.1");
});
afterAll(async () => {
  await authority.remove();
  await rm(folder, { recursive: true, force: true });
});

async function write(identity: Identity): Promise<IdentityFiles> {
  for (const [name, text] of Object.entries(secretFiles(identity))) await writeFile(join(folder, name), text);
  return { tlsCertFile: join(folder, "tls.crt"), tlsKeyFile: join(folder, "tls.key"), tlsCaFile: join(folder, "ca.crt") };
}

test("an identity is what its three files say", async () => {
  const { name, expires } = readMaterial(await write(good), "channel");
  expect(name).toBe("ringway://channel/cs-0");
  expect(expires.getTime()).toBeGreaterThan(Date.now());
});

test("a CA that is about to be replaced stands beside the new one", async () => {
  const old = await Authority.make();
  const { name } = readMaterial(await write({ ...good, ca: old.ca + good.ca }));
  await old.remove();
  expect(name).toBe("ringway://channel/cs-0");
});

test.each<[string, () => Promise<Partial<Identity>> | Partial<Identity>, string]>([
  ["is no certificate", () => ({ cert: "hello" }), "--tls-cert-file: FOLDER/tls.crt holds no certificate in PEM"],
  ["is damaged", () => ({ cert: good.cert.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA") }), "--tls-cert-file: FOLDER/tls.crt holds no certificate in PEM"],
  ["is over", () => authority.issue("URI:ringway://channel/cs-0", -1), "--tls-cert-file: FOLDER/tls.crt expired on "],
  ["is cut off behind its first one", () => ({ cert: good.cert + good.cert.slice(0, 200) }), "--tls-cert-file: FOLDER/tls.crt cannot be used (ERR_OSSL_PEM_BAD_END_LINE)"],
  ["has too short a key", () => authority.issue("URI:ringway://channel/cs-0", 2, weakKey), "--tls-cert-file: FOLDER/tls.crt cannot be used (ERR_SSL_EE_KEY_TOO_SMALL)"],
  ["has no name of ours", () => authority.issue("DNS:cs-0.internal"), "--tls-cert-file: FOLDER/tls.crt is made for no Ringway name; an alternative name ringway://channel/<id> is needed (a URI)"],
  ["is made for another role", () => authority.issue("URI:ringway://gateway/gw-0"), "--tls-cert-file: FOLDER/tls.crt is made for ringway://gateway/gw-0; an alternative name ringway://channel/<id> is needed (a URI)"],
  ["has a key that is none", () => ({ key: "hello" }), "--tls-key-file: FOLDER/tls.key holds no private key in PEM, or one with a password"],
  ["has another one's key", async () => ({ key: (await authority.issue("DNS:x")).key }), "--tls-key-file: FOLDER/tls.key is not the key of FOLDER/tls.crt"],
  ["is of a CA that is none", () => ({ ca: "" }), "--tls-ca-file: FOLDER/ca.crt holds no certificate in PEM"],
  ["is of another CA", async () => ({ ca: (await Authority.make().then(async (other) => (await other.remove(), other))).ca }), "--tls-ca-file: FOLDER/ca.crt did not sign FOLDER/tls.crt"],
])("a certificate that %s is refused with one line that names flag and file", async (_what, change, message) => {
  const files = await write({ ...good, ...(await change()) });
  expect(() => readMaterial(files, "channel")).toThrow(message.replaceAll("FOLDER", folder));
});

test("a file that is not there is named", async () => {
  const files = await write(good);
  expect(() => readMaterial({ ...files, tlsKeyFile: join(folder, "nowhere") })).toThrow(`--tls-key-file: ${folder}/nowhere cannot be read (ENOENT)`);
});

test.each([
  ["URI:ringway://channel/cs-0", "ringway://channel/cs-0"],
  ["DNS:x, URI:https://x, URI:ringway://envoy/edge_1, IP Address:127.0.0.1", "ringway://envoy/edge_1"],
  [undefined, undefined],
  ["DNS:ringway", undefined],
  ["URI:ringway://channel", undefined],
  ["URI:ringway://channel/a/b", undefined],
  ["URI:https://ringway://channel/a", undefined],
  ['DNS:"a, URI:ringway://channel/cs-0"', undefined],
])("of the names %j the Ringway one is %j", (names, name) => {
  expect(ringwayName(names)).toBe(name);
});
