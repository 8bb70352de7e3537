/**
 * The registry as services see it: the subset of Consul's HTTP API that Ringway uses. `consul.ts` implements it over
 * HTTP (against charm's embedded server or a real Consul).
 */

export interface Blocking {
  /** answer when the index is beyond this one; 0 = at once */
  readonly index: number;
  /** longest wait in milliseconds */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

export interface Registration {
  /** service name: `ringway-channel`, `ringway-gateway`, `ringway-presence`, `ringway-webapp` */
  readonly service: string;
  readonly id: string;
  /** ip:port */
  readonly addr: string;
  readonly meta: Readonly<Record<string, string>>;
  readonly ttlMs: number;
}

export interface Instance {
  readonly id: string;
  readonly addr: string;
  readonly meta: Readonly<Record<string, string>>;
  readonly passing: boolean;
}

export interface KvEntry {
  readonly value: Uint8Array;
  /** for compare-and-set */
  readonly modifyIndex: number;
  readonly session?: string;
}

/** @remarks Every call may reject with RegistryError. */
export interface Registry {
  register(registration: Registration): Promise<void>;
  deregister(id: string): Promise<void>;
  /** @returns false where the registry does not know the check (register again) */
  pass(id: string): Promise<boolean>;
  /** all instances of a service, passing or not */
  instances(service: string, blocking?: Blocking): Promise<{ index: number; instances: Instance[] }>;
  get(key: string, blocking?: Blocking): Promise<{ index: number; entry: KvEntry | undefined }>;
  /** @param cas only where the entry's modifyIndex is this (0 = absent). @returns whether it was written */
  put(key: string, value: Uint8Array, cas?: number): Promise<boolean>;
  delete(key: string): Promise<void>;
  createSession(name: string, ttlMs: number): Promise<string>;
  /** @returns false where the session is gone */
  renewSession(session: string): Promise<boolean>;
  destroySession(session: string): Promise<void>;
  /** Takes the key for the session (a lock). @returns whether it holds it */
  acquire(key: string, value: Uint8Array, session: string): Promise<boolean>;
}

/** The registry gave no usable answer. Nothing stops because of it: the last topology holds. */
export class RegistryError extends Error {
  readonly status: number | undefined;
  /** whether asking again is of no use: what answers is no registry, or, with a status, it wants another token (for how long that may pass: refusal.ts) */
  readonly isFinal: boolean;
  constructor(message: string, status?: number, cause?: unknown, isFinal = false) {
    super(message, { cause });
    this.name = "RegistryError";
    this.status = status;
    this.isFinal = isFinal;
  }
}
