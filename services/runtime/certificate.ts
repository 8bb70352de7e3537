/** Certificates in files, and the names in them. */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { UsageError } from "./flags.ts";

export interface IdentityFiles {
  readonly tlsCertFile: string;
  readonly tlsKeyFile: string;
  readonly tlsCaFile: string;
}

/** An identity's three texts in PEM, checked, and what its certificate says. */
export interface Material {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly name: string;
  readonly expires: Date;
}

/**
 * The first Ringway name, `ringway://role/id`, in a certificate's alternative names as Node writes them; undefined where there is none.
 * Node puts a name in quotes that could be taken for several: nobody's certificate needs such a one.
 */
export function ringwayName(alternatives: string | undefined): string | undefined {
  if (alternatives === undefined || alternatives.includes('"')) return undefined;
  return alternatives.split(", ").map((each) => /^URI:(ringway:\/\/[a-z]+\/[A-Za-z0-9_-]{1,64})$/.exec(each)?.[1]).find((name) => name !== undefined);
}

/**
 * @param role what the certificate must be made for; undefined = any will do
 * @throws UsageError that names the flag: a file that can't be read or holds something else, files that don't go together, a certificate that is over or that OpenSSL doesn't take
 */
export function readMaterial({ tlsCertFile, tlsKeyFile, tlsCaFile }: IdentityFiles, role?: string): Material {
  const [cert, key, ca] = [read("--tls-cert-file", tlsCertFile), read("--tls-key-file", tlsKeyFile), read("--tls-ca-file", tlsCaFile)];
  const [own, ...between] = certificatesIn("--tls-cert-file", tlsCertFile, cert) as [X509Certificate, ...X509Certificate[]];
  const authorities = certificatesIn("--tls-ca-file", tlsCaFile, ca);
  if (!own.checkPrivateKey(privateKeyIn(tlsKeyFile, key))) throw new UsageError(`--tls-key-file: ${tlsKeyFile} is not the key of ${tlsCertFile}`);
  const [from, expires] = [new Date(own.validFrom), new Date(own.validTo)];
  if (from.getTime() > Date.now()) throw new UsageError(`--tls-cert-file: ${tlsCertFile} is not valid before ${from.toISOString()}`);
  if (expires.getTime() < Date.now()) throw new UsageError(`--tls-cert-file: ${tlsCertFile} expired on ${expires.toISOString()}`);
  if (!isSigned(own, between, authorities)) throw new UsageError(`--tls-ca-file: ${tlsCaFile} did not sign ${tlsCertFile}`);
  const name = ringwayName(own.subjectAltName);
  const wanted = `ringway://${role ?? "<role>"}/<id>`;
  if (name === undefined || (role !== undefined && !name.startsWith(`ringway://${role}/`))) {
    throw new UsageError(`--tls-cert-file: ${tlsCertFile} is made for ${name ?? "no Ringway name"}; an alternative name ${wanted} is needed (a URI)`);
  }
  try {
    createSecureContext({ cert, key, ca });
  } catch (error) {
    // A key too short for its security level, text behind the first certificate that is cut off.
    throw new UsageError(`--tls-cert-file: ${tlsCertFile} cannot be used (${(error as NodeJS.ErrnoException).code})`);
  }
  return { cert, key, ca, name, expires };
}

function read(flag: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${flag}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function certificatesIn(flag: string, file: string, text: string): X509Certificate[] {
  try {
    const found = [...text.matchAll(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g)].map(([pem]) => new X509Certificate(pem));
    if (found.length > 0) return found;
  } catch {
    // One that is damaged is none.
  }
  throw new UsageError(`${flag}: ${file} holds no certificate in PEM`);
}

function privateKeyIn(file: string, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    throw new UsageError(`--tls-key-file: ${file} holds no private key in PEM, or one with a password`);
  }
}

/** Whether a chain of signatures leads from `own`, by those `between`, to an authority. */
function isSigned(own: X509Certificate, between: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
  const signs = (issuer: X509Certificate): boolean => own.checkIssued(issuer) && own.verify(issuer.publicKey);
  if (authorities.some(signs)) return true;
  const next = between.find(signs);
  return next !== undefined && isSigned(next, between.filter((each) => each !== next), authorities);
}
