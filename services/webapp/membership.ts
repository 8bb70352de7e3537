/**
 * Changes of membership. The directory comes first (it decides who may read and post), then everybody in the channel is
 * told (a client event), then the user's own stream: a `control` for the gateways, which subscribe the user's sockets
 * from exactly that event on, and a client event. Where the control can't be made, the directory is put back and the
 * caller gets `service_unavailable`, so that a retry starts afresh; once it is made, the gateways act on it and the change stands.
 */
import { createHash, randomUUID } from "node:crypto";
import type { Clock } from "../runtime/clock.ts";
import type { Channel, ChannelType, Directory, User } from "../store/directory.ts";
import type { Mesh } from "./mesh.ts";
import type { Team } from "./method.ts";
import { channelShape } from "./shapes.ts";
import { newId } from "./tokens.ts";

/** Direct conversations whose announcement is known to be made; forgetting one costs four idempotent publishes. */
const announcedMost = 10_000;

const joinedEvent = { channel: "channel_joined", group: "group_joined", mpim: "mpim_joined", im: "im_created" } as const satisfies Record<ChannelType, string>;
const leftEvent = { channel: "channel_left", group: "group_left", mpim: "mpim_close", im: "im_close" } as const satisfies Record<ChannelType, string>;

export class Membership {
  readonly #directory: Directory;
  readonly #mesh: Mesh;
  readonly #team: Team;
  readonly #clock: Clock;
  readonly #announced = new Set<string>();

  constructor(directory: Directory, mesh: Mesh, team: Team, clock: Clock) {
    this.#directory = directory;
    this.#mesh = mesh;
    this.#team = team;
    this.#clock = clock;
  }

  /**
   * Makes a channel with its creator in it.
   * @returns undefined where the name is taken
   */
  async create(creator: User, name: string, type: "channel" | "group"): Promise<Channel | undefined> {
    if ((await this.#directory.channelByName(name)) !== undefined) return undefined;
    const channel: Channel = { id: newId("C"), name, type, creator: creator.id, createdAt: this.#clock.now(), topic: "", purpose: "" };
    // The other order than `join`: nobody can hear the event of a channel that does not exist yet, and where the mesh takes nothing, no name is spent.
    const { offset } = await this.#tell(channel, { type: "member_joined_channel", user: creator.id, inviter: creator.id });
    if (!(await this.#directory.createChannel(channel, [creator.id]))) return undefined;
    await this.#welcome(channel, creator.id, offset);
    return channel;
  }

  /** @returns false where the user is a member already */
  async join(channel: Channel, user: string, inviter?: string): Promise<boolean> {
    if (!(await this.#directory.join(channel.id, user))) return false;
    const key = randomUUID();
    try {
      const { offset } = await this.#tell(channel, { type: "member_joined_channel", user, ...(inviter === undefined ? {} : { inviter }) });
      await this.#subscribe(channel, user, offset, key);
    } catch (error) {
      await this.#directory.leave(channel.id, user);
      throw error;
    }
    // The gateways follow the control: from here on the change is made, whatever becomes of the notice.
    await this.#notify(channel, user, key);
    return true;
  }

  /** @returns false where the user is no member */
  async leave(channel: Channel, user: string): Promise<boolean> {
    if (!(await this.#directory.leave(channel.id, user))) return false;
    try {
      await this.#tell(channel, { type: "member_left_channel", user });
      await this.#mesh.publish(user, { kind: "control", key: randomUUID(), control: { leave: channel.id } });
    } catch (error) {
      await this.#directory.join(channel.id, user);
      throw error;
    }
    await this.#mesh.publish(user, { kind: "event", key: randomUUID(), event: { type: leftEvent[channel.type], channel: channel.id } });
    return true;
  }

  /**
   * The direct conversation of these users (the caller among them), made where it does not exist. Its ID follows from its
   * members and its announcements carry keys that follow from the ID, so that all of it may be repeated.
   */
  async open(opener: User, members: readonly User[]): Promise<{ readonly channel: Channel; readonly existed: boolean }> {
    const ids = members.map((member) => member.id).sort();
    const type: ChannelType = ids.length <= 2 ? "im" : "mpim";
    const id = (type === "im" ? "D" : "G") + createHash("sha256").update(ids.join(",")).digest("hex").slice(0, 20).toUpperCase();
    const name = type === "im" ? "" : `mpdm-${members.map((member) => member.name).sort().join("--")}-${id.slice(-6).toLowerCase()}`;
    const known = await this.#directory.channel(id);
    const fresh: Channel = { id, name, type, creator: opener.id, createdAt: this.#clock.now(), topic: "", purpose: "" };
    const existed = known !== undefined || !(await this.#directory.createChannel(fresh, ids));
    const channel = known ?? fresh;
    if (!this.#announced.has(id)) {
      await Promise.all(ids.map((user) => this.#welcome(channel, user, 0, `open-${id}`)));
      if (this.#announced.size >= announcedMost) this.#announced.clear();
      this.#announced.add(id);
    }
    return { channel, existed };
  }

  /** The other one of an im (oneself in a conversation with oneself). */
  async partner(channel: Channel, user: string): Promise<string | undefined> {
    if (channel.type !== "im") return undefined;
    return (await this.#directory.members(channel.id, "", 2)).find((member) => member !== user) ?? user;
  }

  async #tell(channel: Channel, event: { readonly type: string; readonly [field: string]: unknown }): Promise<{ readonly offset: number }> {
    const kind = channel.type === "channel" ? "C" : "G";
    return this.#mesh.publish(channel.id, { kind: "event", key: randomUUID(), event: { ...event, channel: channel.id, channel_type: kind, team: this.#team.id } });
  }

  async #welcome(channel: Channel, user: string, after: number, key: string = randomUUID()): Promise<void> {
    await this.#subscribe(channel, user, after, key);
    await this.#notify(channel, user, key);
  }

  async #subscribe(channel: Channel, user: string, after: number, key: string): Promise<void> {
    await this.#mesh.publish(user, { kind: "control", key: `${key}-c`, control: { join: channel.id, after } });
  }

  async #notify(channel: Channel, user: string, key: string): Promise<void> {
    const partner = await this.partner(channel, user);
    const shape = channelShape(channel, this.#team, { isMember: true, partner });
    const event = { type: joinedEvent[channel.type], channel: shape, ...(channel.type === "im" ? { user: partner } : {}) };
    await this.#mesh.publish(user, { kind: "event", key: `${key}-e`, event });
  }
}
