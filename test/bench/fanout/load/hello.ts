import { startsWith } from "./websocket.ts";

const hello = Buffer.from('{"type":"hello"');

/** Ringway's greeting: what follows it is for the subscriber. */
export const isHello = (data: Buffer, start: number, end: number): boolean => startsWith(data, start, end, hello);
