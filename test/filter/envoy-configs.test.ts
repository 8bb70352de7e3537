/** The shipped configurations besides `envoy.yaml`: they say what it says, and they run. */
import { cp, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until, type Envoy } from "./envoy.ts";
import { Stage } from "./stage.ts";
import { ask } from "./upstream.ts";
import { at, document, named, names, root, type Mapping, type Yaml } from "./yaml.ts";

const stage = new Stage();
const running: Envoy[] = [];
const both = await document("envoy/envoy.yaml");

beforeAll(() => stage.start());
afterAll(async () => {
  await Promise.all(running.map((envoy) => envoy.stop()));
  await stage.stop();
});

async function start(bootstrap: Mapping): Promise<Envoy> {
  const envoy = await stage.envoy(bootstrap);
  running.push(envoy);
  return envoy;
}

const httpFilters = (bootstrap: Mapping, listener: string): Yaml =>
  at(named(at(bootstrap, "static_resources", "listeners"), listener), "filter_chains", 0, "filters", 0, "typed_config", "http_filters");

/** Says what a part of envoy.yaml should say: these listeners and clusters, and all the rest. */
function part(listeners: string[], clusters: string[]): Mapping {
  const static_resources = {
    listeners: listeners.map((name) => named(at(both, "static_resources", "listeners"), name)),
    clusters: clusters.map((name) => named(at(both, "static_resources", "clusters"), name)),
  };
  return { ...both, static_resources };
}

describe("edge.yaml", () => {
  test("is envoy.yaml without what faces the services", async () => {
    expect(await document("envoy/edge.yaml")).toEqual(part(["edge"], ["gateway", "webapp", "charm"]));
  });

  test("takes clients to their gateways and to webapp, and knows no more", async () => {
    const envoy = await start(await document("envoy/edge.yaml"));
    await stage.answers(stage.preference("gateway", "U1")[0]!, envoy.edge, "/ws/U1.secret");
    expect((await ask(envoy.edge, "/api/api.test")).body).toBe("webapp");
    expect((await ask(envoy.edge, "/v1/channels/C1")).status).toBe(404);
    expect(envoy.log).not.toMatch(/critical|error/i);
  });
});

describe("mesh.yaml", () => {
  test("is envoy.yaml without what faces clients", async () => {
    expect(await document("envoy/mesh.yaml")).toEqual(part(["mesh"], ["channel", "presence", "webapp", "charm"]));
  });

  test("takes channels and users to their owners", async () => {
    const envoy = await start(await document("envoy/mesh.yaml"));
    await stage.answers(stage.preference("channel", "C1")[0]!, envoy.mesh, "/v1/channels/C1");
    expect((await ask(envoy.mesh, "/v1/presence/users/U1")).body).toBe(stage.preference("presence", "U1")[0]!.id);
    expect((await ask(envoy.mesh, "/v1/sessions")).body).toBe("webapp");
    expect(envoy.log).not.toMatch(/critical|error/i);
  });
});

describe("ecds.yaml", () => {
  test("is mesh.yaml, but for where the filter comes from; and that says what mesh.yaml says", async () => {
    const [ecds, mesh] = [await document("envoy/ecds.yaml"), await document("envoy/mesh.yaml")];
    const filters = httpFilters(ecds, "mesh") as Mapping[];
    const discovered = named(at(await document("envoy/ecds/ringway.yaml"), "resources"), "ringway");
    expect(names(filters)).toEqual(["ringway", "envoy.filters.http.router"]);
    expect(filters[0]).toHaveProperty("config_discovery");
    filters[0] = { name: "ringway", typed_config: discovered["typed_config"]! };
    expect(ecds).toEqual(mesh);
  });

  test("runs with the file, takes a new one while it runs, and keeps that where the next is refused", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ringway-ecds-"));
    const file = join(folder, "ringway.yaml");
    await cp(join(root, "envoy/ecds/ringway.yaml"), file);
    const ecds = await document("envoy/ecds.yaml");
    const discovery = at(httpFilters(ecds, "mesh"), 0, "config_discovery", "config_source") as Mapping;
    discovery["path_config_source"] = { path: file, watched_directory: { path: folder } };
    const envoy = await start(ecds);
    const owner = stage.preference("channel", "C1")[0]!;
    const change = async (from: string, to: string): Promise<void> => {
      const text = await readFile(file, "utf8");
      expect(text).toContain(from);
      await writeFile(`${file}.new`, text.replace(from, to));
      await rename(`${file}.new`, file);
    };
    const count = (what: string): Promise<number> => envoy.stat(`extension_config_discovery.http_filter.ringway.${what}`);

    await stage.answers(owner, envoy.mesh, "/v1/channels/C1");
    const reloads = await count("config_reload");

    // Without "channel" the filter lets the request pass unmarked, and the cluster's policy has nobody to offer.
    await change('"channel", ', "");
    await until(async () => (await count("config_reload")) > reloads);
    await until(async () => (await ask(envoy.mesh, "/v1/channels/C1")).headers["x-ringway-reason"] === "unavailable");
    await change('"routes": [', '"routes": ["channel", ');
    await stage.answers(owner, envoy.mesh, "/v1/channels/C1");

    const failures = await count("config_fail");
    await change('"hashKey"', '"haskKey"');
    await until(async () => (await count("config_fail")) > failures);
    expect(envoy.log).toContain("haskKey: unknown field");
    for (let i = 0; i < 16; i++) expect((await ask(envoy.mesh, "/v1/channels/C1")).body).toBe(owner.id);
    await rm(folder, { recursive: true });
  });
});
