/**
 * Who this process is to the others of its plane, where they speak TLS among themselves: one certificate, shown by its listener and by whatever it asks. Both
 * sides want of the other one that the plane's CA signed and that carries a Ringway name (decision 19); whoever has none is refused before a byte of HTTP is read.
 */
import { createServer as createPlain, type RequestListener, type Server, type ServerOptions } from "node:http";
import { Agent, createServer as createSecure, type Server as SecureServer } from "node:https";
import { checkServerIdentity, type ConnectionOptions, type TLSSocket } from "node:tls";
import { type IdentityFiles, readMaterial, ringwayName, type Material } from "./certificate.ts";
import { UsageError } from "./flags.ts";
import type { Log } from "./log.ts";
import { markOf } from "./secret.ts";

/** How often the files are looked at, ms; SIGHUP does it at once. */
const lookEveryMs = 60_000;
/** From when on the log warns of a certificate's end, ms. */
const warnBeforeMs = 7 * 24 * 3_600_000;
/** Who connects and does not shake hands for so long, ms, is let go. */
const handshakeTimeout = 10_000;

/** Of agents for requests to others. */
export const keepAlive = { keepAlive: true, maxSockets: 256, keepAliveMsecs: 10_000 };

/** Who may connect to a listener: those with a certificate of the plane, or (a page for people's browsers) everybody. */
export type Clients = "services" | "anybody";

let identity: Identity | undefined;
/** For a process without an identity: https doors by the machine's CAs. */
const strangersAgent = new Agent(keepAlive);

/**
 * Takes the identity that the flags name; none where they name none. Before anything listens or asks.
 * @param role what a service's certificate must be made for; undefined = any will do
 * @param log where it is given, the files are read again when they change
 * @throws UsageError that names the flag
 */
export function takeIdentity(files: IdentityFiles, role?: string, log?: Log): void {
  const given = [files.tlsCertFile, files.tlsKeyFile, files.tlsCaFile].filter((file) => file !== "").length;
  if (given === 0) return;
  if (given < 3) throw new UsageError("--tls-cert-file, --tls-key-file and --tls-ca-file go together: give all three, or none");
  identity = new Identity(files, role);
  if (log === undefined) return;
  const taken = identity;
  taken.tell(log);
  setInterval(() => taken.refresh(log), lookEveryMs).unref();
  process.on("SIGHUP", () => taken.refresh(log));
}

/** Where another process of the plane is asked, by its address ip:port. */
export function urlOf(address: string): string {
  return `${identity === undefined ? "http" : "https"}://${address}`;
}

/** Of what asks an https door. */
export function secureAgent(): Agent {
  return identity?.agent ?? strangersAgent;
}

/** Of a connection that is opened without an agent. */
export function secureOptions(): ConnectionOptions {
  return identity?.clientOptions ?? {};
}

/** An HTTP server, not listening yet; behind TLS where the process has an identity. */
export function createServer(options: ServerOptions, handler: RequestListener, clients: Clients = "services"): Server {
  return identity === undefined ? createPlain(options, handler) : identity.serve(options, handler, clients);
}

class Identity {
  readonly #files: IdentityFiles;
  readonly #role: string | undefined;
  readonly #servers: { readonly server: SecureServer; readonly clients: Clients }[] = [];
  #material: Material;
  /** of the files that are used */
  #marks: string;
  /** what was last logged of files that are not */
  #refused = "";
  agent: Agent;

  constructor(files: IdentityFiles, role: string | undefined) {
    this.#files = files;
    this.#role = role;
    this.#marks = this.#look();
    this.#material = readMaterial(files, role);
    this.agent = this.#newAgent();
  }

  get clientOptions(): ConnectionOptions {
    const { cert, key, ca } = this.#material;
    // Servers are reached by ip:port, which no certificate of a pod can know. One that has no Ringway name (a Consul) must have that of the host, as everywhere.
    return { cert, key, ca, checkServerIdentity: (host, peer) => (ringwayName(peer.subjectaltname) === undefined ? checkServerIdentity(host, peer) : undefined) };
  }

  serve(options: ServerOptions, handler: RequestListener, clients: Clients): Server {
    const server = createSecure({ ...options, handshakeTimeout, ...this.#serverOptions(clients) }, handler);
    if (clients === "services") server.prependListener("secureConnection", refuseNameless);
    this.#servers.push({ server, clients });
    server.once("close", () => this.#servers.splice(this.#servers.findIndex((each) => each.server === server), 1));
    return server;
  }

  tell(log: Log): void {
    const { name, expires } = this.#material;
    log.info({ name, expires }, "speaks TLS");
    if (expires.getTime() - Date.now() < warnBeforeMs) log.warn({ name, expires }, "the certificate ends soon");
  }

  /**
   * Reads files that changed. Those that don't go together, as when only one of them is written yet, leave what was, and are tried again each time: what is wrong
   * may pass without a change of theirs (a certificate's begin, a disk's error). The log says it once.
   */
  refresh(log: Log): void {
    const marks = this.#look();
    if (marks === this.#marks) {
      this.#refused = "";
      return;
    }
    try {
      this.#material = readMaterial(this.#files, this.#role);
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#refused) log.error({ err: error }, "the certificate can't be read anew; the last one is used");
      this.#refused = message;
      return;
    }
    this.#marks = marks;
    this.#refused = "";
    // Connections that are open go on; the old agent's idle ones are ended by the other side.
    this.agent = this.#newAgent();
    for (const { server, clients } of this.#servers) server.setSecureContext(this.#serverOptions(clients));
    this.tell(log);
  }

  #serverOptions(clients: Clients) {
    const { cert, key, ca } = this.#material;
    return { cert, key, ca, requestCert: clients === "services", rejectUnauthorized: clients === "services" };
  }

  #newAgent(): Agent {
    return new Agent({ ...keepAlive, ...this.clientOptions });
  }

  #look(): string {
    const { tlsCertFile, tlsKeyFile, tlsCaFile } = this.#files;
    return [tlsCertFile, tlsKeyFile, tlsCaFile].map(markIfThere).join();
  }
}

/** A file that can't be looked at has none; why, its reader says. */
function markIfThere(file: string): string {
  try {
    return markOf(file);
  } catch {
    return "";
  }
}

/** The CA may be a whole company's: that it signed somebody says not yet that they are one of us. */
function refuseNameless(socket: TLSSocket): void {
  if (ringwayName(socket.getPeerCertificate().subjectaltname) === undefined) socket.destroy();
}
