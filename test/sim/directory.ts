/** What the store keeps of users and channels: the directory's contract (services/store/directory.ts), as far as the simulation needs it. */
import { noChoice, type Choice } from "../../services/protocol/choice.ts";
import type { Change } from "../../services/store/directory.ts";

export interface Ticket {
  readonly user: string;
  readonly offsets: Readonly<Record<string, number>>;
  readonly paced: boolean;
  readonly expiresAt: number;
}

const pair = ({ channel, user }: Pick<Change, "channel" | "user">): string => `${channel} ${user}`;

export class Directory {
  readonly members = new Map<string, Set<string>>();
  readonly tickets = new Map<string, Ticket>();
  /** users whose call to choose has no answer yet, by call */
  readonly choosing = new Map<number, string>();
  readonly #choices = new Map<string, Choice>();
  readonly #unsettled = new Map<string, Change>();
  readonly #left = new Set<string>();

  /** @returns where nothing was done: `already`, or the change of the two that must be settled first */
  change(change: Change): "made" | "already" | Change {
    const earlier = this.#unsettled.get(pair(change));
    if (earlier !== undefined) return earlier;
    const members = this.members.get(change.channel)!;
    if (members.has(change.user) === change.member) return "already";
    if (change.member) members.add(change.user);
    else {
      members.delete(change.user);
      this.#left.add(pair(change));
    }
    this.#unsettled.set(pair(change), change);
    return "made";
  }

  settle(change: Change): void {
    if (this.#unsettled.get(pair(change))?.key === change.key) this.#unsettled.delete(pair(change));
  }

  unsettled(): readonly Change[] {
    return [...this.#unsettled.values()];
  }

  /** Whether the user left the channel in this run, also for a while. */
  hasLeft(user: string, channel: string): boolean {
    return this.#left.has(pair({ channel, user }));
  }

  choiceOf(user: string): Choice {
    return this.#choices.get(user) ?? noChoice;
  }

  chooseAway(user: string, away: boolean, now: number): Choice {
    const choice = { away, at: Math.max(now, this.choiceOf(user).at + 1) };
    this.#choices.set(user, choice);
    return choice;
  }

  channelsOf(user: string): string[] {
    return [...this.members].filter(([, users]) => users.has(user)).map(([channel]) => channel);
  }
}
