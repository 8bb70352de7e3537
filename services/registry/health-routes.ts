/** `/v1/health/service/{name}` and what probes ask for. */
import type { Routes } from "../runtime/http.ts";
import { block } from "./blocking.ts";
import type { Core } from "./core.ts";
import type { Member } from "./health.ts";
import { consul, indexHeaders } from "./text.ts";

const NODE = { ID: "00000000-0000-0000-0000-000000000001", Node: "ringway", Address: "127.0.0.1", Datacenter: "dc1" };

export function healthRoutes(core: Core): Routes {
  return {
    "GET /v1/health/service/{name}": consul(async (request) => {
      const name = request.params["name"]!;
      await block(core, request, `health:${name}`, () => core.health.indexOf(name));
      const passing = request.query.has("passing");
      const members = core.health.list(name).filter((member) => !passing || member.status === "passing");
      return { status: 200, headers: indexHeaders(core.health.indexOf(name)), body: members.map(describe) };
    }),
    "GET /v1/status/leader": () => ({ status: 200, body: JSON.stringify("127.0.0.1:8300") }),
  };
}

function describe({ service, status, output, createIndex, modifyIndex }: Member): unknown {
  const check = service.check && {
    Node: NODE.Node,
    CheckID: service.check.checkId,
    Name: service.check.name,
    Status: status,
    Notes: "",
    Output: output,
    ServiceID: service.id,
    ServiceName: service.name,
    ServiceTags: service.tags,
    Type: "ttl",
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  };
  return {
    Node: NODE,
    Service: {
      ID: service.id,
      Service: service.name,
      Tags: service.tags,
      Address: service.address,
      Meta: service.meta,
      Port: service.port,
      Weights: { Passing: 1, Warning: 1 },
      CreateIndex: createIndex,
      ModifyIndex: modifyIndex,
    },
    Checks: check === undefined ? [] : [check],
  };
}
