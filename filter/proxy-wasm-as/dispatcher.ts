/** From the host's context ids to root contexts. */
import { RootContext } from "./contexts";

/** Makes the root context for an id. */
export type RootFactory = (id: u32) => RootContext;

let factory: RootFactory | null = null;

/** All root contexts of this VM: one per plugin configuration that shares it, so one to three. */
const roots: RootContext[] = [];

/** Streams between their creation and their first callback; the host creates and asks at once, so few are enough. */
const RECENT = 1024;
const recentStream: usize = memory.data(RECENT * 4);
const recentRoot: usize = memory.data(RECENT * 4);

/** Says how root contexts are made. The entry file calls it once, at start. */
export function register(make: RootFactory): void {
  factory = make;
}

/** A context begins: a root (`parentId` = 0), or a stream of that root. */
export function create(id: u32, parentId: u32): void {
  if (parentId == 0) {
    if (factory != null && rootById(id) == null) roots.push(factory!(id));
  } else if (roots.length > 1) {
    const slot = <usize>(id & (RECENT - 1)) << 2;
    store<u32>(recentStream + slot, id);
    store<u32>(recentRoot + slot, parentId);
  }
}

/** A context ends. Streams left nothing behind. */
export function remove(id: u32): bool {
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

/** The root context that a stream belongs to; the newest one if the host did not say. */
export function rootOfStream(id: u32): RootContext | null {
  const count = roots.length;
  if (count == 0) return null;
  if (count > 1) {
    const slot = <usize>(id & (RECENT - 1)) << 2;
    if (load<u32>(recentStream + slot) == id) {
      const root = rootById(load<u32>(recentRoot + slot));
      if (root != null) return root;
    }
  }
  return unchecked(roots[count - 1]);
}
