import type { Publish } from "../protocol/mesh.ts";

/** The key under which the log keeps a publication. Users choose keys for themselves: two who choose the same mean two messages. */
export function logKey(publish: Publish): string {
  return "user" in publish ? `${publish.user}:${publish.key}` : publish.key;
}
