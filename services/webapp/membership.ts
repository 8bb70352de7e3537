/**
 * Changes of membership. The directory comes first: it decides who may read and post, and it keeps each change as unsettled
 * until it was announced (announcements.ts), so that what one webapp leaves undone is done later (settler.ts). A change is
 * never taken back, and no other of the same channel and user is made before it is settled: the last control in the
 * user's stream says what the directory says, however long an announcement takes and whoever repeats it.
 */
import { createHash, randomUUID } from "node:crypto";
import type { Clock } from "../runtime/clock.ts";
import type { Change, Channel, ChannelType, Directory, User } from "../store/directory.ts";
import { Announcements, partnerIn } from "./announcements.ts";
import { serviceUnavailable } from "./errors.ts";
import type { Mesh } from "./mesh.ts";
import type { Team } from "./method.ts";
import { newId } from "./tokens.ts";
import { Turns } from "./turns.ts";

/** Here a pair's changes are made one after the other; only other webapps of the same directory can come between, this often at most. */
const attemptsMost = 4;

const turnOf = ({ channel, user }: Change): string => `${channel} ${user}`;

export class Membership {
  readonly #directory: Directory;
  readonly #announcements: Announcements;
  readonly #clock: Clock;
  /** Right it would be without them; so nobody announces what another call here is just announcing. */
  readonly #turns = new Turns();

  constructor(directory: Directory, mesh: Mesh, team: Team, clock: Clock) {
    this.#directory = directory;
    this.#announcements = new Announcements(directory, mesh, team);
    this.#clock = clock;
  }

  /**
   * Makes a channel with its creator in it.
   * @returns undefined where the name is taken
   */
  async create(creator: User, name: string, type: "channel" | "group"): Promise<Channel | undefined> {
    if ((await this.#directory.channelByName(name)) !== undefined) return undefined;
    const channel: Channel = { id: newId("C"), name, type, creator: creator.id, createdAt: this.#clock.now(), topic: "", purpose: "" };
    const change: Change = { channel: channel.id, user: creator.id, member: true, key: randomUUID(), inviter: creator.id };
    // The other order than `join`: nobody can hear the event of a channel that does not exist yet, and where the mesh takes nothing, no name is spent.
    await this.#announcements.tellChannel(channel, change);
    if (!(await this.#directory.createChannel(channel, [creator.id], change.key))) return undefined;
    // The name is spent: to be told to try again would be to find it taken. What fails here is made up for by the settler.
    await this.#announce(channel, change).catch(() => undefined);
    return channel;
  }

  /**
   * @returns false where the user is a member already, and everybody knows
   * @throws where it could not be announced; it is made all the same, unless an earlier change of the pair stood in its way
   */
  join(channel: Channel, user: string, inviter?: string): Promise<boolean> {
    return this.#make(channel, { channel: channel.id, user, member: true, key: randomUUID(), ...(inviter === undefined ? {} : { inviter }) });
  }

  /**
   * @returns false where the user is no member, and everybody knows
   * @throws as `join` does
   */
  leave(channel: Channel, user: string): Promise<boolean> {
    return this.#make(channel, { channel: channel.id, user, member: false, key: randomUUID() });
  }

  /**
   * The direct conversation of these users (the caller among them), made where it does not exist. Its ID follows from its
   * members. Announcements that failed are made up for by opening it again.
   */
  async open(opener: User, members: readonly User[]): Promise<{ readonly channel: Channel; readonly existed: boolean }> {
    const ids = members.map((member) => member.id).sort();
    const type: ChannelType = ids.length <= 2 ? "im" : "mpim";
    const id = (type === "im" ? "D" : "G") + createHash("sha256").update(ids.join(",")).digest("hex").slice(0, 20).toUpperCase();
    const name = type === "im" ? "" : `mpdm-${members.map((member) => member.name).sort().join("--")}-${id.slice(-6).toLowerCase()}`;
    const known = await this.#directory.channel(id);
    const fresh: Channel = { id, name, type, creator: opener.id, createdAt: this.#clock.now(), topic: "", purpose: "" };
    const existed = known !== undefined || !(await this.#directory.createChannel(fresh, ids, `open-${id}`));
    const channel = known ?? fresh;
    const unsettled = (await this.#directory.unsettled([id, ""], ids.length)).filter((change) => change.channel === id);
    await Promise.all(unsettled.map((change) => this.#announce(channel, change)));
    return { channel, existed };
  }

  /** The other one of an im (oneself in a conversation with oneself). */
  partner(channel: Channel, user: string): Promise<string | undefined> {
    return partnerIn(this.#directory, channel, user);
  }

  /**
   * Announces a change that was left unsettled; one that somebody works at here and now is left to them.
   * @throws as `join` does
   */
  async settle(change: Change): Promise<void> {
    if (this.#turns.isBusy(turnOf(change))) return;
    const channel = await this.#directory.channel(change.channel);
    if (channel !== undefined) await this.#announce(channel, change);
  }

  #make(channel: Channel, change: Change): Promise<boolean> {
    return this.#turns.run(turnOf(change), async () => {
      for (let attempt = 0; attempt < attemptsMost; attempt++) {
        const outcome = await this.#directory.change(change);
        if (outcome === "already") return false;
        const unsettled = outcome === "made" ? change : outcome;
        await this.#announcements.make(channel, unsettled);
        // An earlier change to the same end is this one: a call that failed is repeated.
        if (unsettled.member === change.member) return true;
      }
      throw serviceUnavailable();
    });
  }

  #announce(channel: Channel, change: Change): Promise<void> {
    return this.#turns.run(turnOf(change), () => this.#announcements.make(channel, change));
  }
}
