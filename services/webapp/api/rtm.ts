import { isId } from "../../protocol/ids.ts";
import type { Directory, User } from "../../store/directory.ts";
import { invalidArguments } from "../errors.ts";
import { method, type Methods } from "../method.ts";

/** Channels that one `x_offsets` may name. */
const offsetsMost = 5_000;

const connect = method(
  {
    batch_presence_aware: { kind: "bool", default: false },
    /** channel → offset of the last event the client has seen there */
    x_offsets: { kind: "object" },
    /** it waits for `x_delay_ms` after a `goodbye` */
    x_resume: { kind: "bool", default: false },
    /** it is told how events travelled: `x_journey` */
    x_journeys: { kind: "bool", default: false },
  },
  async ({ user, team, tickets, directory, origin }, { batch_presence_aware, x_offsets, x_resume, x_journeys }) => {
    const offsets = await ownOffsets(directory, user, x_offsets ?? {});
    const ticket = await tickets.issue(user, { offsets, batchPresence: batch_presence_aware, paced: x_resume, journeys: x_journeys });
    return {
      url: `ws${origin.secure ? "s" : ""}://${origin.host}/ws/${ticket}`,
      self: { id: user.id, name: user.name },
      team: { id: team.id, name: team.name, domain: team.domain },
    };
  },
);

/** `rtm.*`. `rtm.start` answers as `rtm.connect` does, as the public service has done since 2022. */
export const rtmMethods: Methods = { "rtm.connect": connect, "rtm.start": connect };

/** The offsets of channels the user is in; others are left out, since the user may have left them meanwhile. */
async function ownOffsets(directory: Directory, user: User, given: Readonly<Record<string, unknown>>): Promise<Record<string, number>> {
  const entries = Object.entries(given);
  if (entries.length > offsetsMost) throw invalidArguments(`x_offsets names more than ${offsetsMost} channels`);
  for (const [channel, offset] of entries) {
    if (!isId(channel) || !Number.isSafeInteger(offset) || (offset as number) < 0) throw invalidArguments("x_offsets must be {channel: offset}, offsets being whole numbers from 0");
  }
  const own = new Set([user.id, ...(await directory.channelsOf(user.id))]);
  return Object.fromEntries(entries.filter(([channel]) => own.has(channel))) as Record<string, number>;
}
