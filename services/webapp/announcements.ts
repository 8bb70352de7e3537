/**
 * What is told of a change of membership: a client event to everybody in the channel, then in the user's own stream a
 * `control` for the gateways, which subscribe the user's sockets from exactly that event on (or end it), and a client event.
 * Every key follows from the change's: told again, by whichever webapp, nothing stands in a stream twice, and an
 * announcement that is carried out late changes nothing once a repetition was answered.
 */
import type { Change, Channel, ChannelType, Directory } from "../store/directory.ts";
import type { Mesh } from "./mesh.ts";
import type { Team } from "./method.ts";
import { channelShape } from "./shapes.ts";

const joinedEvent = { channel: "channel_joined", group: "group_joined", mpim: "mpim_joined", im: "im_created" } as const satisfies Record<ChannelType, string>;
const leftEvent = { channel: "channel_left", group: "group_left", mpim: "mpim_close", im: "im_close" } as const satisfies Record<ChannelType, string>;

export class Announcements {
  readonly #directory: Directory;
  readonly #mesh: Mesh;
  readonly #team: Team;

  constructor(directory: Directory, mesh: Mesh, team: Team) {
    this.#directory = directory;
    this.#mesh = mesh;
    this.#team = team;
  }

  /**
   * Tells all who must hear of an unsettled change, and settles it. Safe to repeat.
   * @throws what Mesh and Directory throw; the change is then unsettled still
   */
  async make(channel: Channel, change: Change): Promise<void> {
    const { user, key } = change;
    // The members of a direct conversation are all there from its first event on: nobody is told of their joining.
    const after = channel.type === "im" || channel.type === "mpim" ? 0 : await this.tellChannel(channel, change);
    await this.#mesh.publish(user, { kind: "control", key: `${key}-c`, control: change.member ? { join: channel.id, after } : { leave: channel.id } });
    await this.#mesh.publish(user, { kind: "event", key: `${key}-e`, event: await this.#notice(channel, change) });
    await this.#directory.settle(change);
  }

  /** The first part alone. @returns the offset of the event in the channel */
  async tellChannel({ id, type }: Channel, { user, member, key, inviter }: Change): Promise<number> {
    const what = { type: member ? "member_joined_channel" : "member_left_channel", user, ...(inviter === undefined ? {} : { inviter }) };
    const event = { ...what, channel: id, channel_type: type === "channel" ? "C" : "G", team: this.#team.id };
    return (await this.#mesh.publish(id, { kind: "event", key: `${key}-m`, event })).offset;
  }

  async #notice(channel: Channel, { user, member }: Change): Promise<{ readonly type: string; readonly [field: string]: unknown }> {
    if (!member) return { type: leftEvent[channel.type], channel: channel.id };
    const partner = await partnerIn(this.#directory, channel, user);
    const shape = channelShape(channel, this.#team, { isMember: true, partner });
    return { type: joinedEvent[channel.type], channel: shape, ...(channel.type === "im" ? { user: partner } : {}) };
  }
}

/** The other one of an im (oneself in a conversation with oneself); undefined for other channels. */
export async function partnerIn(directory: Directory, channel: Channel, user: string): Promise<string | undefined> {
  if (channel.type !== "im") return undefined;
  return (await directory.members(channel.id, "", 2)).find((member) => member !== user) ?? user;
}
