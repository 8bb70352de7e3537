import { pino, type Logger } from "pino";

export type Log = Logger;

/** A structured log on stdout, one JSON object a line, tagged with the service and its ID. */
export function createLog(service: string, id: string, level = "info"): Log {
  return pino({ level, base: { service, id } }, pino.destination({ fd: 1, sync: true }));
}
