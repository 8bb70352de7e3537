/** All systems, in the order of the tables. To add one: a file in systems/, a driver in load/drivers/ where its protocol is new, and a line here. */
import type { System } from "./system.ts";
import { ringwayGateway } from "./systems/ringway-gateway.ts";
import { wsGathered, wsLoop } from "./systems/ws.ts";

export const systems: readonly System[] = [ringwayGateway, wsLoop, wsGathered];
