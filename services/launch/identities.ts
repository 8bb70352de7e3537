/** A folder of identities: for each process a folder of its name with `tls.crt`, `tls.key` and `ca.crt`, as container platforms mount such secrets. */
import { join } from "node:path";
import type { IdentityFiles } from "../runtime/certificate.ts";

/** @param folder empty = no TLS @param name the process's, e.g. `cs-0` */
export function identityIn(folder: string, name: string): IdentityFiles {
  const file = (kind: string): string => (folder === "" ? "" : join(folder, name, kind));
  return { tlsCertFile: file("tls.crt"), tlsKeyFile: file("tls.key"), tlsCaFile: file("ca.crt") };
}

/** For a process that is started with it; what the launcher itself was told is not meant for its children. */
export function identityEnvironment({ tlsCertFile, tlsKeyFile, tlsCaFile }: IdentityFiles): Readonly<Record<string, string>> {
  return { RINGWAY_TLS_CERT_FILE: tlsCertFile, RINGWAY_TLS_KEY_FILE: tlsKeyFile, RINGWAY_TLS_CA_FILE: tlsCaFile };
}
