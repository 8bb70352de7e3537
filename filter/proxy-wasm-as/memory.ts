/**
 * Where the host puts what it hands over.
 *
 * The host asks the module for memory (`proxy_on_memory_allocate`) each time a call returns bytes. Those bytes live
 * exactly as long as the callback they were asked in, so they go to an arena: a bump pointer that is set back when the
 * next callback starts. Nothing is freed one by one and nothing is collected.
 */

/** Bytes the arena serves without asking the heap: more than the headers of any request Envoy accepts (60 KiB). */
const ARENA_SIZE: usize = 128 * 1024;
const ALIGN_MASK: usize = 7;

const arena: usize = heap.alloc(ARENA_SIZE);
let used: usize = 0;
/** Blocks that did not fit, chained through their first word; given back at the next reset. */
let overflow: usize = 0;

/** Memory for `size` bytes, good until the callback that asked for it returns. */
export function arenaAlloc(size: usize): usize {
  const aligned = (size + ALIGN_MASK) & ~ALIGN_MASK;
  if (aligned <= ARENA_SIZE - used) {
    const ptr = arena + used;
    used += aligned;
    return ptr;
  }
  const block = heap.alloc(aligned + 8);
  store<usize>(block, overflow);
  overflow = block;
  return block + 8;
}

/** Forgets everything handed over so far. The dispatcher calls it first in every callback. */
export function arenaReset(): void {
  used = 0;
  while (overflow != 0) {
    const next = load<usize>(overflow);
    heap.free(overflow);
    overflow = next;
  }
}

let collectAsked: bool = false;

/**
 * Asks for a collection of managed objects once the running callback is done. Call it after dropping something large;
 * code that allocates nothing managed never needs it. (Built for the `minimal` runtime: nothing is collected unasked.)
 */
export function requestCollect(): void {
  collectAsked = true;
}

/** Runs a collection if one was asked for. The dispatcher calls it last, when no object lives only on the stack. */
export function collectIfAsked(): void {
  if (!collectAsked) return;
  collectAsked = false;
  __collect();
}
