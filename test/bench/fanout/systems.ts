/** All systems, in the order of the tables. To add one: a file in systems/, a driver in load/drivers/ where its protocol is new, and a line here. */
import type { System } from "./system.ts";
import { behindEnvoy } from "./systems/behind-envoy.ts";
import { mosquitto } from "./systems/mosquitto.ts";
import { nats } from "./systems/nats.ts";
import { ringwayGateway, ringwayThirds } from "./systems/ringway-gateway.ts";
import { envoyVariants, ringwayEnvoy, ringwayPlane } from "./systems/ringway-plane.ts";
import { socketIo } from "./systems/socketio.ts";
import { wsGathered, wsLoop } from "./systems/ws.ts";

export const systems: readonly System[] = [ringwayGateway, ...ringwayThirds, wsGathered, wsLoop, socketIo, nats, mosquitto, ringwayPlane, ringwayEnvoy, ...envoyVariants, behindEnvoy(wsGathered), behindEnvoy(socketIo)];
