/** From the host's context ids to root contexts. */
import { RootContext } from "./contexts";
import { IdMap } from "./id-map";

/** Makes the root context for an id. */
export type RootFactory = (id: u32) => RootContext;

let factory: RootFactory | null = null;

/** All root contexts of this VM: one per plugin configuration that shares it, so one to three. */
const roots: RootContext[] = [];

/**
 * From streams to roots, and only while there is more than one root. A stream that is not in here began when the oldest root was
 * alone, and belongs to it. So the common VM, with one root, keeps nothing of its streams.
 */
const rootOf = new IdMap();

/** Says how root contexts are made. The entry file calls it once, at start. */
export function register(make: RootFactory): void {
  factory = make;
}

/** A context begins: a root (`parentId` = 0), or a stream of that root. */
export function create(id: u32, parentId: u32): void {
  if (parentId == 0) {
    if (factory != null && rootById(id) == null) roots.push(factory!(id));
  } else if (roots.length > 1) {
    rootOf.set(id, parentId);
  }
}

/** A context ends. @returns true if it was a root */
export function remove(id: u32): bool {
  if (rootOf.size > 0 && rootOf.remove(id)) return false;
  for (let i = 0; i < roots.length; i++) {
    if (unchecked(roots[i]).id == id) {
      roots.splice(i, 1);
      return true;
    }
  }
  return false;
}

/** The root context with that id. */
export function rootById(id: u32): RootContext | null {
  for (let i = 0; i < roots.length; i++) {
    const root = unchecked(roots[i]);
    if (root.id == id) return root;
  }
  return null;
}

/** The root context that a stream belongs to; null if there is none, or no more. */
export function rootOfStream(id: u32): RootContext | null {
  if (rootOf.size > 0) {
    const rootId = rootOf.get(id);
    if (rootId != 0) return rootById(rootId);
  }
  return roots.length == 0 ? null : unchecked(roots[0]);
}
