/** Tickets of `rtm.connect`: they serve once, for a short time, and are stored hashed. A ticket is `<userId>.<secret>`. */
import { randomBytes } from "node:crypto";
import type { Session } from "../protocol/mesh.ts";
import { userOfTicket } from "../protocol/ids.ts";
import { ProtocolError } from "../protocol/problems.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Directory, Ticket, User } from "../store/directory.ts";
import type { Team } from "./method.ts";
import { hashToken } from "./tokens.ts";

export class Tickets {
  readonly #directory: Directory;
  readonly #team: Team;
  readonly #clock: Clock;
  readonly #ttlMs: number;

  /** @param ttlMs how long a ticket may be unused, in milliseconds */
  constructor(directory: Directory, team: Team, clock: Clock, ttlMs: number) {
    this.#directory = directory;
    this.#team = team;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  /** @param wants what the client said of itself: what it resumes (channel → last offset it has seen), and what it can do */
  async issue(user: User, wants: Pick<Ticket, "offsets" | "batchPresence" | "paced" | "journeys">): Promise<string> {
    const ticket = `${user.id}.${randomBytes(24).toString("base64url")}`;
    const now = this.#clock.now();
    await this.#directory.putTicket({ secretHash: hashToken(ticket), user: user.id, expiresAt: now + this.#ttlMs, ...wants }, now);
    return ticket;
  }

  /** @throws ProtocolError bad_ticket */
  async redeem(ticket: string): Promise<Session> {
    if (userOfTicket(ticket) === undefined) throw new ProtocolError("bad_ticket");
    const found = await this.#directory.takeTicket(hashToken(ticket), this.#clock.now());
    const user = found === undefined ? undefined : await this.#directory.user(found.user);
    if (found === undefined || user === undefined) throw new ProtocolError("bad_ticket");
    return {
      user: { id: user.id, name: user.name },
      team: this.#team,
      manual_away: user.manualAway,
      manual_away_at: user.manualAwayAt,
      offsets: found.offsets,
      batch_presence: found.batchPresence,
      paced: found.paced === true,
      journeys: found.journeys === true,
    };
  }
}
