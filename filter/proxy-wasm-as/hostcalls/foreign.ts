/** Foreign functions: what a host offers beyond the ABI. Envoy has `clear_route_cache`, `expr_evaluate`, and others. */
import { Bytes } from "../bytes";
import { Status } from "../enums";
import { clearOut, out } from "../out";

@external("env", "proxy_call_foreign_function")
declare function proxy_call_foreign_function(
  name: usize,
  nameSize: u32,
  args: usize,
  argsSize: u32,
  results: usize,
  resultsSize: usize,
): u32;

/** Calls a function of the host; what it gives back, if anything, is at `result()`. */
export function callForeignFunction(name: Bytes, args: usize, argsLen: i32): Status {
  clearOut();
  return proxy_call_foreign_function(name.ptr, name.len, args, argsLen, out, out + 4);
}
