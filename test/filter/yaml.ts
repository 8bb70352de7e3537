/** Reads the repository's YAML and finds things in it, for tests of what is shipped. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

export const root = fileURLToPath(new URL("../../", import.meta.url));

export type Yaml = null | boolean | number | string | Yaml[] | { [key: string]: Yaml };
export type Mapping = { [key: string]: Yaml };

/** The documents of a file, with anchors followed. @param path from the repository's root @throws where one does not parse */
export async function documents(path: string): Promise<Mapping[]> {
  const parsed = parseAllDocuments(await readFile(join(root, path), "utf8"), { uniqueKeys: true });
  return parsed.map((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    // A JSON copy: what an anchor names stands in several places, and a test may change one of them.
    return JSON.parse(JSON.stringify(document.toJS())) as Mapping;
  });
}

/** The one document of a file. */
export async function document(path: string): Promise<Mapping> {
  const [first, ...others] = await documents(path);
  if (first === undefined || others.length > 0) throw new Error(`${path} does not hold one document`);
  return first;
}

/** What stands at a path of keys and indexes. @throws naming the first step that is missing */
export function at(node: Yaml, ...path: (string | number)[]): Yaml {
  let here: Yaml = node;
  for (const [i, step] of path.entries()) {
    const next: Yaml | undefined = typeof here === "object" && here !== null ? (here as Mapping)[step] : undefined;
    if (next === undefined) throw new Error(`nothing at ${path.slice(0, i + 1).join(".")}`);
    here = next;
  }
  return here;
}

/** The entry of a list that has this name. @throws if there is none */
export function named(list: Yaml, name: string): Mapping {
  const found = (list as Mapping[]).find((item) => item["name"] === name);
  if (found === undefined) throw new Error(`nothing is named ${name}`);
  return found;
}

/** The names of a list's entries. */
export function names(list: Yaml): string[] {
  return (list as Mapping[]).map((item) => String(item["name"]));
}

/** Sets a key of the mapping at a path. */
export function set(node: Yaml, path: (string | number)[], key: string, value: Yaml): void {
  (at(node, ...path) as Mapping)[key] = value;
}
