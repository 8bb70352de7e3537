import type { Entry } from "../../services/store/log.ts";

/** The timestamp of the entries made here. */
export const ts = (offset: number): string => `1700000000.${String(offset).padStart(6, "0")}`;

/** A client's entry whose view is a message of the same ts. */
export function messageEntry(offset: number, key = `k${offset}`): Entry {
  const at = ts(offset);
  return { offset, ts: at, kind: 0, origin: 7, key, payload: Buffer.from(`{"off":${offset}}`), view: { ts: at, message: Buffer.from(`{"msg":${offset}}`) } };
}
