/** Where host calls leave what they give back. One set of places serves all calls, for a callback runs alone. */

/** Out-parameters: a pointer at 0, its length at 4, a number at 8. The host writes here, the wrappers read. */
export const out: usize = memory.data(16);

/** The out-parameter for a number of 4 or 8 bytes. */
export const outNumber: usize = out + 8;

/** What the last successful call gave back: arena memory, good until the callback ends; 0 if there is nothing. */
export function result(): usize {
  return load<u32>(out);
}

/** Its length in bytes. An empty value has 0, with `Status.Ok`; an absent one has 0, with `Status.NotFound`. */
export function resultLen(): i32 {
  return load<i32>(out, 4);
}

/** Forgets what earlier calls gave back, so that a call that fails leaves nothing to be mistaken for its own. */
export function clearOut(): void {
  store<u64>(out, 0);
  store<u64>(outNumber, 0);
}

/** The number that the last call gave back. */
export function outU32(): u32 {
  return load<u32>(outNumber);
}

/** The same with 8 bytes. */
export function outU64(): u64 {
  return load<u64>(outNumber);
}
