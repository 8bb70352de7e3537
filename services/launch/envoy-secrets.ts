/** The shipped examples `envoy/examples/tls.yaml` and `consul-token.yaml` with the places of this machine in the place of theirs. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const examples = fileURLToPath(new URL("../../envoy/examples/", import.meta.url));

/** Where Envoy finds its secrets. Absolute paths. */
export interface SecretPlaces {
  /** folder that is made where there are any, of the files that name the secrets to it */
  readonly sds: string;
  /** folder of identities, one for each process; undefined = no TLS */
  readonly tls?: string;
  /** file with the registry's token; undefined = none is needed */
  readonly registryToken?: string;
}

/** A part of a configuration, by names. */
export type Part = Readonly<Record<string, unknown>>;

/** What an example says, for this machine. */
export async function readExample(name: string, { sds, tls, registryToken }: SecretPlaces): Promise<Part> {
  const moves: (readonly [string, string])[] = [["/etc/ringway/sds", sds]];
  if (tls !== undefined) moves.push(["/etc/ringway/tls", tls]);
  if (registryToken !== undefined) moves.push(["/etc/ringway/secrets/registry-token", registryToken], ["/etc/ringway/secrets", dirname(registryToken)]);
  const moved = (value: unknown): unknown => {
    if (typeof value === "string") {
      const move = moves.find(([from]) => value === from || value.startsWith(`${from}/`));
      return move === undefined ? value : move[1] + value.slice(move[0].length);
    }
    if (Array.isArray(value)) return value.map(moved);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, moved(item)]));
  };
  return moved(parse(await readFile(join(examples, name), "utf8"))) as Part;
}

/** Writes the files by which Envoy finds the secrets. */
export async function writeSecretFiles(places: SecretPlaces): Promise<void> {
  const names = [...(places.tls === undefined ? [] : ["identity", "ca", "edge"]), ...(places.registryToken === undefined ? [] : ["registry-token"])];
  if (names.length > 0) await mkdir(places.sds, { recursive: true });
  // A YAML reader takes JSON, too.
  for (const name of names) await writeFile(join(places.sds, `${name}.yaml`), JSON.stringify(await readExample(`sds/${name}.yaml`, places), null, 1));
}
