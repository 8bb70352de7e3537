/** The drivers by name; loaded when they are used. */
import type { Driver } from "./driver.ts";

export const drivers: Readonly<Record<string, () => Promise<Driver>>> = {
  "ringway-link": async () => new (await import("./drivers/ringway-link.ts")).RingwayLinkDriver(),
  "ringway-plane": async () => new (await import("./drivers/ringway-plane.ts")).RingwayPlaneDriver(),
  ws: async () => new (await import("./drivers/ws.ts")).WsDriver(),
  socketio: async () => new (await import("./drivers/socketio.ts")).SocketIoDriver(),
  nats: async () => new (await import("./drivers/nats.ts")).NatsDriver(),
  mqtt: async () => new (await import("./drivers/mqtt.ts")).MqttDriver(),
};
