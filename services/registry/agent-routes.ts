/** `/v1/agent/…`: services and their TTL checks. */
import type { Request, Routes } from "../runtime/http.ts";
import { parseDuration } from "./duration.ts";
import type { Core } from "./core.ts";
import { type Check, healthLimits, type Service, type Status } from "./health.ts";
import { consul, objectOf, refuse, stringOf } from "./text.ts";

export function agentRoutes(core: Core): Routes {
  const turn = (status: Status) =>
    consul((request) => {
      const id = request.params["id"]!;
      const names = core.health.setStatus(id, status, request.query.get("note") ?? "", core.clock.now(), core.takeIndex);
      if (names === undefined) throw refuse(404, `Unknown check ID "${id}". Ensure that the check ID is passed, not the check name.`);
      core.wakeServices(names);
      return { status: 200 };
    });
  return {
    "PUT /v1/agent/service/register": consul(async (request) => {
      const service = await readService(request);
      if (!core.health.has(service.id) && core.health.size >= healthLimits.services) throw refuse(500, "Too many services");
      core.wakeServices(core.health.register(service, core.clock.now(), core.takeIndex));
      return { status: 200 };
    }),
    "PUT /v1/agent/service/deregister/{id}": consul((request) => {
      const id = request.params["id"]!;
      const name = core.health.deregister(id, core.takeIndex);
      if (name === undefined) throw refuse(404, `Unknown service ID "${id}". Ensure that the service ID is passed, not the service name.`);
      core.wakeServices([name]);
      return { status: 200 };
    }),
    "PUT /v1/agent/check/pass/{id}": turn("passing"),
    "PUT /v1/agent/check/warn/{id}": turn("warning"),
    "PUT /v1/agent/check/fail/{id}": turn("critical"),
  };
}

async function readService(request: Request): Promise<Service> {
  const body = objectOf(await request.bytes());
  const name = stringOf(body, "Name");
  if (name === "") throw refuse(400, "Missing service name");
  const id = stringOf(body, "ID") || name;
  const port = body["Port"] ?? 0;
  if (!Number.isInteger(port) || (port as number) < 0 || (port as number) > 65_535) throw refuse(400, "Request decode failed: Port must be 0 to 65535");
  const tags = body["Tags"] ?? [];
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === "string")) throw refuse(400, "Request decode failed: Tags must be strings");
  return { id, name, address: stringOf(body, "Address"), port: port as number, tags, meta: readMeta(body["Meta"] ?? {}), check: readCheck(body["Check"] ?? undefined, id) };
}

function readMeta(meta: unknown): Record<string, string> {
  if (typeof meta !== "object" || meta === null || Array.isArray(meta)) throw refuse(400, "Request decode failed: Meta must be an object");
  const pairs = Object.entries(meta as Record<string, unknown>);
  if (pairs.length > healthLimits.metaPairs) throw refuse(400, `Invalid Service Meta: more than ${healthLimits.metaPairs} pairs`);
  for (const [key, value] of pairs) {
    if (typeof value !== "string" || value.length > healthLimits.metaChars) throw refuse(400, `Invalid Service Meta: '${key.slice(0, 64)}' must be a string of at most ${healthLimits.metaChars} characters`);
  }
  return meta as Record<string, string>;
}

function readCheck(given: unknown, serviceId: string): Check | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw refuse(400, "Request decode failed: Check must be an object");
  const check = given as Record<string, unknown>;
  const ttlMs = parseDuration(stringOf(check, "TTL"));
  if (ttlMs === undefined || ttlMs <= 0) throw refuse(400, "Invalid check: TTL must be > 0 (this registry knows TTL checks only)");
  const forget = stringOf(check, "DeregisterCriticalServiceAfter") || "0";
  const forgetAfterMs = parseDuration(forget);
  if (forgetAfterMs === undefined) throw refuse(400, "Invalid check: DeregisterCriticalServiceAfter is not a duration");
  const initial = stringOf(check, "Status") || "critical";
  if (initial !== "passing" && initial !== "warning" && initial !== "critical") throw refuse(400, `Status for checks must 'passing', 'warning', 'critical': "${initial.slice(0, 32)}"`);
  // As Consul: less than a minute is taken as one.
  const floored = forgetAfterMs === 0 ? 0 : Math.max(60_000, forgetAfterMs);
  return { checkId: stringOf(check, "CheckID") || `service:${serviceId}`, name: stringOf(check, "Name"), ttlMs, forgetAfterMs: floored, initial };
}
