/** What an operator changes: checked as far as this door can, and passed on to charm, which decides. */
import { isId } from "../protocol/ids.ts";
import { asObject } from "../protocol/json.ts";
import { ProtocolError } from "../protocol/problems.ts";
import { type Pool, pools } from "../protocol/topology.ts";
import type { Routes } from "../runtime/http.ts";
import type { Log } from "../runtime/log.ts";
import type { CharmDoor } from "./charm.ts";
import type { CurrentRing } from "./current-ring.ts";

/** Binds the slot of an ID to a server, or lets it go. */
interface PinWish {
  readonly pool: Pool;
  readonly id: string;
  /** null: the slot is let go */
  readonly server: string | null;
}

/** @param changed told of each change that charm took */
export function changeRoutes(charm: CharmDoor, ring: CurrentRing, log: Log, changed: () => void): Routes {
  // charm applies the one pin to its list: who wrote the whole list would lose what others pin meanwhile.
  const pinOf = ({ id, server }: PinWish): readonly [slot: number, server: string | null] => [ring.slotOf(id), server];
  const change = async (path: string, body: object, what: object): ReturnType<CharmDoor["pass"]> => {
    const reply = await charm.pass(path, { method: "PUT", body });
    if (reply.status === 200) {
      changed();
      log.info(what, "changed by the operator");
    }
    return reply;
  };
  return {
    "POST /console/api/preview": async (request) => {
      const { pin, ...rest } = asObject(await request.json(), "the body");
      if (pin === undefined) return charm.pass("/v1/charm/preview", { method: "POST", body: rest });
      const wish = readPin(pin);
      return charm.pass("/v1/charm/preview", { method: "POST", body: { ...rest, pin: { [wish.pool]: pinOf(wish) } } });
    },
    "PUT /console/api/servers/{id}": async (request) => {
      const server = request.params["id"]!;
      if (!isId(server)) throw new ProtocolError("bad_id", "the server's ID");
      const wish = asObject(await request.json(), "the body");
      return change(`/v1/charm/servers/${server}`, wish, { server, wish });
    },
    "PUT /console/api/pins": async (request) => {
      const wish = readPin(await request.json());
      return change("/v1/charm/pins", { pool: wish.pool, pin: pinOf(wish) }, { pin: wish });
    },
  };
}

/** @throws ProtocolError that names the field */
function readPin(body: unknown): PinWish {
  const { pool, id, server, ...rest } = asObject(body, "a pin");
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ProtocolError("bad_request", `'${unknown.slice(0, 64)}' is not known: pool, id, server`);
  const known = pools.find((each) => each === pool);
  if (known === undefined) throw new ProtocolError("bad_request", `pool must be one of ${pools.join(", ")}`);
  if (typeof id !== "string" || !isId(id)) throw new ProtocolError("bad_id", "id: the channel or user whose slot is pinned");
  if (server !== null && (typeof server !== "string" || !isId(server))) throw new ProtocolError("bad_id", "server: a server's ID, or null to let the slot go");
  return { pool: known, id, server };
}
