/** HTTP fields and gRPC metadata: headers, trailers, of streams and of calls. */
import { Bytes } from "../bytes";
import { MapType, Status } from "../enums";
import { clearOut, out, outNumber, outU32 } from "../out";

@external("env", "proxy_get_header_map_size")
declare function proxy_get_header_map_size(type: u32, returnSerializedPairsSize: usize): u32;

/** Asks for the size of a map as serialised pairs, without its bytes: `headerMapSize()`. */
export function getHeaderMapSize(type: MapType): Status {
  clearOut();
  return proxy_get_header_map_size(type, outNumber);
}

/** The size that `getHeaderMapSize` has just found, in bytes. */
export function headerMapSize(): u32 {
  return outU32();
}

@external("env", "proxy_get_header_map_pairs")
declare function proxy_get_header_map_pairs(type: u32, value: usize, valueSize: usize): u32;

/** Reads a whole map; walk it with `PairReader`. */
export function getHeaderMap(type: MapType): Status {
  clearOut();
  return proxy_get_header_map_pairs(type, out, out + 4);
}

@external("env", "proxy_set_header_map_pairs")
declare function proxy_set_header_map_pairs(type: u32, pairs: usize, pairsSize: u32): u32;

/** Sets a whole map, in place of all that was in it. @param pairs serialised (`PairWriter`) */
export function setHeaderMap(type: MapType, pairs: usize, pairsLen: i32): Status {
  return proxy_set_header_map_pairs(type, pairs, pairsLen);
}

@external("env", "proxy_get_header_map_value")
declare function proxy_get_header_map_value(type: u32, key: usize, keySize: u32, value: usize, valueSize: usize): u32;

/** Reads one field. `Status.NotFound` is an absent one; an empty one is `Status.Ok` with `resultLen()` 0. */
export function getHeader(type: MapType, key: Bytes): Status {
  clearOut();
  return proxy_get_header_map_value(type, key.ptr, key.len, out, out + 4);
}

@external("env", "proxy_add_header_map_value")
declare function proxy_add_header_map_value(type: u32, key: usize, keySize: u32, value: usize, valueSize: u32): u32;

/** Adds a field beside any of the same name. */
export function addHeader(type: MapType, key: Bytes, value: usize, valueLen: i32): Status {
  return proxy_add_header_map_value(type, key.ptr, key.len, value, valueLen);
}

@external("env", "proxy_replace_header_map_value")
declare function proxy_replace_header_map_value(type: u32, key: usize, keySize: u32, value: usize, valueSize: u32): u32;

/** Sets a field, in place of any of the same name. */
export function replaceHeader(type: MapType, key: Bytes, value: usize, valueLen: i32): Status {
  return proxy_replace_header_map_value(type, key.ptr, key.len, value, valueLen);
}

@external("env", "proxy_remove_header_map_value")
declare function proxy_remove_header_map_value(type: u32, key: usize, keySize: u32): u32;

/** Removes every field of that name. */
export function removeHeader(type: MapType, key: usize, keyLen: i32): Status {
  return proxy_remove_header_map_value(type, key, keyLen);
}
