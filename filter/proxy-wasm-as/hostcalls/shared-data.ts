/** Shared data: one store per `vm_id`, for all VMs of the process. */
import { Bytes } from "../bytes";
import { Status } from "../enums";
import { clearOut, out, outNumber, outU32 } from "../out";

@external("env", "proxy_get_shared_data")
declare function proxy_get_shared_data(key: usize, keySize: u32, value: usize, valueSize: usize, cas: usize): u32;

/** Reads a value; `sharedCas()` is its version. */
export function getSharedData(key: Bytes): Status {
  clearOut();
  return proxy_get_shared_data(key.ptr, key.len, out, out + 4, outNumber);
}

/** The version of the value that `getSharedData` has just read. */
export function sharedCas(): u32 {
  return outU32();
}

@external("env", "proxy_set_shared_data")
declare function proxy_set_shared_data(key: usize, keySize: u32, value: usize, valueSize: u32, cas: u32): u32;

/** Writes a value. @param cas the version to replace (`Status.CasMismatch` if it is another by now), or 0 for any */
export function setSharedData(key: Bytes, value: usize, valueLen: i32, cas: u32): Status {
  return proxy_set_shared_data(key.ptr, key.len, value, valueLen, cas);
}
