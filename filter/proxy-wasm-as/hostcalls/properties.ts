/** Properties: what the host knows of the stream, the connection, the node. Not stable from host to host. */
import { Bytes } from "../bytes";
import { Status } from "../enums";
import { clearOut, out } from "../out";

@external("env", "proxy_get_property")
declare function proxy_get_property(path: usize, pathSize: u32, value: usize, valueSize: usize): u32;

/** Reads a property. @param path its segments with NUL bytes between them, e.g. `"node\0id"` */
export function getProperty(path: Bytes): Status {
  clearOut();
  return proxy_get_property(path.ptr, path.len, out, out + 4);
}

@external("env", "proxy_set_property")
declare function proxy_set_property(path: usize, pathSize: u32, value: usize, valueSize: u32): u32;

/** Sets a property of the running stream. In Envoy it is filter state under `wasm.` and that name. */
export function setProperty(path: Bytes, value: usize, valueLen: i32): Status {
  return proxy_set_property(path.ptr, path.len, value, valueLen);
}
