/** The registry over Consul's HTTP API: charm's embedded server or a real Consul agent, with no other difference. */
import { ask, type Answer, type Ask } from "../runtime/request.ts";
import type { Secret } from "../runtime/secret.ts";
import { type Blocking, type Instance, type KvEntry, type Registration, type Registry, RegistryError } from "./client.ts";

/** What Consul takes at least; a server whose check is critical for this long is forgotten. */
const FORGET_CRITICAL_AFTER = "1m";

export interface ConsulOptions {
  /** what it wants to see where it has access control; empty = nothing is shown */
  readonly token?: Secret;
  /** milliseconds until a call that does not block must be answered; default 5,000 */
  readonly timeoutMs?: number;
}

/** @param url e.g. `http://127.0.0.1:8500`; nothing is asked before the first call */
export function connectRegistry(url: string, options: ConsulOptions = {}): Registry {
  const base = `${url.replace(/\/+$/, "")}/v1`;
  const headers = (): Record<string, string> => {
    const token = options.token?.current() ?? "";
    return token === "" ? {} : { "x-consul-token": token };
  };
  const timeoutMs = options.timeoutMs ?? 5_000;

  const call = async (path: string, opts: Ask = {}): Promise<Answer> => {
    try {
      return await ask(base + path, { timeoutMs, headers: headers(), ...opts });
    } catch (error) {
      if (/^HPE_/.test((error as NodeJS.ErrnoException).code ?? "")) throw noConsul(error);
      throw new RegistryError(`the registry at ${url} does not answer: ${(error as Error).message}`, undefined, error);
    }
  };
  const noConsul = (cause?: unknown): RegistryError => new RegistryError(`what answers at ${url} is no Consul`, undefined, cause, true);
  const expectOk = (answer: Answer): Answer => {
    if (answer.status === 200) return answer;
    const said = answer.bytes.toString("utf8", 0, 200).split("\n")[0]!.trim();
    const refuses = answer.status === 401 || answer.status === 403;
    throw new RegistryError(refuses ? `the registry at ${url} refuses the token (${answer.status}): ${said}` : `the registry answered ${answer.status}: ${said}`, answer.status, undefined, refuses);
  };
  const isTrue = (answer: Answer): boolean => expectOk(answer).json === true;
  /** An index that went backwards (a restored or new registry) means: start over; below 1 it would never block. */
  const nextIndex = ({ headers }: Answer, wait: Blocking | undefined): number => {
    const said = headers["x-consul-index"];
    if (said === undefined) throw noConsul();
    const index = Math.max(1, Math.floor(Number(said)) || 1);
    return wait !== undefined && index < wait.index ? 0 : index;
  };
  /** server's ID → how it registered, and by which token: Consul goes on using that one for it */
  const registered = new Map<string, { readonly registration: Registration; readonly token: string }>();
  const register = async (registration: Registration): Promise<void> => {
    const token = options.token?.current() ?? "";
    const answer = await put("/agent/service/register?replace-existing-checks=true", registrationBody(registration));
    // A Consul says nothing more; what serves pages may say 200 to everything.
    if (answer.status === 404 || answer.status === 405 || (answer.status === 200 && answer.bytes.length > 0)) throw noConsul();
    expectOk(answer);
    registered.set(registration.id, { registration, token });
  };
  const put = (path: string, body?: unknown): Promise<Answer> => call(path, { method: "PUT", body: body ?? new Uint8Array(0) });
  /** Consul lengthens a wait by up to a sixteenth, so that watchers don't come back all at once. */
  const blocking = (path: string, wait: Blocking | undefined): Promise<Answer> => {
    if (wait === undefined || wait.index === 0) return call(path, wait?.signal === undefined ? {} : { signal: wait.signal });
    const opts = { timeoutMs: timeoutMs + wait.waitMs + Math.ceil(wait.waitMs / 16), ...(wait.signal === undefined ? {} : { signal: wait.signal }) };
    return call(`${path}?index=${wait.index}&wait=${wait.waitMs}ms`, opts);
  };

  return {
    register,
    async deregister(id) {
      registered.delete(id);
      const answer = await put(`/agent/service/deregister/${encodeURIComponent(id)}`);
      if (answer.status !== 404) expectOk(answer);
    },
    async pass(id) {
      const known = registered.get(id);
      if (known !== undefined && known.token !== (options.token?.current() ?? "")) await register(known.registration);
      const answer = await put(`/agent/check/pass/${encodeURIComponent(checkId(id))}`);
      // Consul before 1.11 answers 500 where the check is unknown.
      if (answer.status === 404 || (answer.status === 500 && /unknown check|associated TTL/i.test(answer.bytes.toString("utf8")))) return false;
      expectOk(answer);
      return true;
    },
    async instances(service, wait) {
      const answer = expectOk(await blocking(`/health/service/${encodeURIComponent(service)}`, wait));
      const index = nextIndex(answer, wait);
      if (!Array.isArray(answer.json)) throw new RegistryError(`health of ${service} is not a list`, answer.status);
      return { index, instances: answer.json.map(readInstance) };
    },
    async get(key, wait) {
      const answer = await blocking(kvPath(key), wait);
      if (answer.status === 404) return { index: nextIndex(answer, wait), entry: undefined };
      const index = nextIndex(expectOk(answer), wait);
      return { index, entry: readEntry(answer) };
    },
    async put(key, value, cas) {
      return isTrue(await call(kvPath(key) + (cas === undefined ? "" : `?cas=${cas}`), { method: "PUT", body: value }));
    },
    async delete(key) {
      expectOk(await call(kvPath(key), { method: "DELETE" }));
    },
    async createSession(name, ttlMs) {
      // No lock delay: whoever takes the lock next is fenced by compare-and-set, not by time.
      const answer = expectOk(await put("/session/create", { Name: name, TTL: `${ttlMs}ms`, Behavior: "release", LockDelay: "0s" }));
      const id = (answer.json as { ID?: unknown } | undefined)?.ID;
      if (typeof id !== "string") throw new RegistryError("session create gave no ID", answer.status);
      return id;
    },
    async renewSession(session) {
      const answer = await put(`/session/renew/${encodeURIComponent(session)}`);
      if (answer.status === 404) return false;
      expectOk(answer);
      return true;
    },
    async destroySession(session) {
      expectOk(await put(`/session/destroy/${encodeURIComponent(session)}`));
    },
    async acquire(key, value, session) {
      const answer = await call(`${kvPath(key)}?acquire=${encodeURIComponent(session)}`, { method: "PUT", body: value });
      if (answer.status === 500 && /invalid session/i.test(answer.bytes.toString("utf8"))) return false;
      return isTrue(answer);
    },
  };
}

function checkId(id: string): string {
  return `service:${id}`;
}

function registrationBody({ service, id, addr, meta, ttlMs }: Registration): unknown {
  const colon = addr.lastIndexOf(":");
  return {
    ID: id,
    Name: service,
    Address: addr.slice(0, colon),
    Port: Number(addr.slice(colon + 1)),
    Meta: meta,
    // Who registers is alive: without this, registering again would turn it critical until the next pass.
    Check: { CheckID: checkId(id), Name: "alive", TTL: `${ttlMs}ms`, Status: "passing", DeregisterCriticalServiceAfter: FORGET_CRITICAL_AFTER },
  };
}

function kvPath(key: string): string {
  return `/kv/${key.split("/").map(encodeURIComponent).join("/")}`;
}

function readInstance(item: unknown): Instance {
  const { Node: node, Service: service, Checks: checks } = item as {
    Node?: { Address?: string };
    Service: { ID: string; Address?: string; Port?: number; Meta?: Record<string, string> | null };
    Checks?: readonly { Status?: string }[];
  };
  const host = service.Address === undefined || service.Address === "" ? (node?.Address ?? "") : service.Address;
  return {
    id: service.ID,
    addr: `${host}:${service.Port ?? 0}`,
    meta: service.Meta ?? {},
    passing: (checks ?? []).every((check) => check.Status === "passing"),
  };
}

function readEntry(answer: Answer): KvEntry {
  const [entry] = answer.json as readonly { Value: string | null; ModifyIndex: number; Session?: string }[];
  if (entry === undefined) throw new RegistryError("the registry gave an empty list for a key", answer.status);
  return {
    value: Buffer.from(entry.Value ?? "", "base64"),
    modifyIndex: entry.ModifyIndex,
    ...(entry.Session === undefined || entry.Session === "" ? {} : { session: entry.Session }),
  };
}
