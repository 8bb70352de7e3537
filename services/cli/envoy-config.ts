/** `ringway envoy-config`: the shipped Envoy configuration for a place, as the launcher and the image `envoy` write it. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { envoyConfig, type Address } from "../launch/envoy-config.ts";
import { serverFlags } from "../runtime/common-flags.ts";
import { parseFlags, type Flags } from "../runtime/flags.ts";
import type { Verb } from "./verb.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const places = /^[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*$/;
const port = { type: "number", min: 1, max: 65_535 } as const;

const flags = {
  zone: { ...serverFlags.zone, env: "RINGWAY_ZONE", help: "Envoy's zone: gateways of the same one go first" },
  "ring-key": serverFlags["ring-key"],
  charm: { type: "string", default: "127.0.0.1:8083", env: "RINGWAY_CHARM", help: "where charm is, host:port; several with commas", matches: places },
  webapp: { type: "string", default: "127.0.0.1:8084", env: "RINGWAY_WEBAPP", help: "where webapp is, host:port; several with commas", matches: places },
  consul: { type: "string", default: "", env: "RINGWAY_CONSUL", help: "where the filter reads the topology, host:port of a real Consul; empty = charm's own registry", matches: /^([^\s,:]+:\d{1,5})?$/ },
  host: { type: "string", default: "0.0.0.0", help: "address that its listeners bind", matches: /^[0-9a-fA-F.:]+$/ },
  "edge-port": { ...port, default: 8080, help: "for clients" },
  "mesh-port": { ...port, default: 8081, help: "for Ringway's services" },
  "admin-port": { ...port, default: 8082, help: "Envoy's admin: whoever reaches it can end it" },
  wasm: { type: "string", default: "", help: "path of filter.wasm where Envoy runs; empty = this build's" },
} as const satisfies Flags;

export const envoyConfigVerb: Verb = {
  summary: "print an Envoy configuration: envoy/envoy.yaml with addresses, zone, hash key and the filter's path put in",
  flags,
  async run(argv) {
    const { zone, ringKey, charm, webapp, consul, host, edgePort, meshPort, adminPort, wasm } = parseFlags(flags, argv);
    const [registry] = addresses(consul);
    const text = await envoyConfig(join(root, "envoy", "envoy.yaml"), {
      host,
      ports: { edge: edgePort, mesh: meshPort, admin: adminPort },
      upstreams: { charm: addresses(charm), webapp: addresses(webapp) },
      wasmFile: wasm === "" ? join(root, "build", "filter.wasm") : wasm,
      ringKey,
      zone,
      ...(registry === undefined ? {} : { registry }),
    });
    process.stdout.write(`${text}\n`);
    return 0;
  },
};

function addresses(list: string): Address[] {
  if (list === "") return [];
  return list.split(",").map((place) => {
    const [host, port] = place.split(":") as [string, string];
    return { host, port: Number(port) };
  });
}
