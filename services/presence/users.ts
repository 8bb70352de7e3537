/** What one presence server knows of one user. */
import type { PresenceInfo } from "../protocol/mesh.ts";
import type { Timer } from "../runtime/timers.ts";

export interface User {
  readonly id: string;
  readonly createdAt: number;
  /** links of the gateways that have a session of the user */
  readonly announcers: Set<number>;
  /** links of the gateways that watch the user → what they were told last */
  readonly watchers: Map<number, boolean | undefined>;
  /** HTTP requests that wait until it is known whether the user is online */
  readonly askers: Set<number>;
  /** the user's own choice; undefined before anybody said */
  manualAway: boolean | undefined;
  /** when the choice was made at this very server */
  choseAt: number;
  /** runs after the last gateway took leave or died; the user counts as online until then */
  grace: Timer | undefined;
  /** runs while a user of another server, which seems to be gone, is not known yet */
  settling: Timer | undefined;
}

export function createUser(id: string, now: number): User {
  return { id, createdAt: now, announcers: new Set(), watchers: new Map(), askers: new Set(), manualAway: undefined, choseAt: -Infinity, grace: undefined, settling: undefined };
}

export function isOnline(user: User): boolean {
  return user.announcers.size > 0 || user.grace !== undefined;
}

export function isActive(user: User): boolean {
  return isOnline(user) && user.manualAway !== true;
}

/** Whether anything would be lost by forgetting the user. */
export function isIdle(user: User): boolean {
  return !isOnline(user) && user.watchers.size === 0 && user.askers.size === 0 && user.manualAway !== true;
}

export function describeUser(user: User): PresenceInfo {
  return { user: user.id, presence: isActive(user) ? "active" : "away", online: isOnline(user), manual_away: user.manualAway === true };
}
