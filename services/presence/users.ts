/** What one presence server knows of one user. */
import { isNewer, noChoice, type Choice } from "../protocol/choice.ts";
import type { PresenceInfo } from "../protocol/mesh.ts";
import type { Timer } from "../runtime/timers.ts";

export interface User {
  readonly id: string;
  /** since when anybody wants to know of the user, or tells */
  neededSince: number;
  /** links of the gateways that have a session of the user */
  readonly announcers: Set<number>;
  /** links of the gateways that watch the user → what they were told last */
  readonly watchers: Map<number, boolean | undefined>;
  /** HTTP requests that wait until it is known whether the user is online */
  readonly askers: Set<number>;
  /** the newest choice of the user's own that anybody told */
  choice: Choice;
  /** runs after the last gateway took leave or died; the user counts as online until then */
  grace: Timer | undefined;
  /** runs while a user of another server, which seems to be gone, is not known yet */
  settling: Timer | undefined;
}

export function createUser(id: string, now: number): User {
  return { id, neededSince: now, announcers: new Set(), watchers: new Map(), askers: new Set(), choice: noChoice, grace: undefined, settling: undefined };
}

export function isOnline(user: User): boolean {
  return user.announcers.size > 0 || user.grace !== undefined;
}

export function isActive(user: User): boolean {
  return isOnline(user) && !user.choice.away;
}

/** Whether anybody wants to know of the user, or tells. */
export function isNeeded(user: User): boolean {
  return user.announcers.size > 0 || user.watchers.size > 0 || user.askers.size > 0;
}

/** Whether the user can be forgotten. */
export function isIdle(user: User): boolean {
  return !isOnline(user) && !isNeeded(user);
}

/** Whether a choice would be lost by forgetting the user: a gateway that was cut off may still bring an older one. */
export function hasChosen(user: User): boolean {
  return isNewer(user.choice, noChoice);
}

export function describeUser(user: User): PresenceInfo {
  return { user: user.id, presence: isActive(user) ? "active" : "away", online: isOnline(user), manual_away: user.choice.away };
}
