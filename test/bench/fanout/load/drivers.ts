/** The drivers by name; loaded when they are used. */
import type { Driver } from "./driver.ts";

export const drivers: Readonly<Record<string, () => Promise<Driver>>> = {
  ws: async () => new (await import("./drivers/ws.ts")).WsDriver(),
  "ringway-link": async () => new (await import("./drivers/ringway-link.ts")).RingwayLinkDriver(),
};
