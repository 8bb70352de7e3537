/**
 * The gateway's side of presence: tells each user's presence server who is online here and who is watched here, tells it
 * again whenever its link or the ring changes, and hands changes to the sessions that watch.
 */
import { isNewer, noChoice, type Choice } from "../protocol/choice.ts";
import type { Link as Frame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import { manualPresenceChange, presenceChange, presenceChanges } from "./client-frames.ts";
import type { Core } from "./core.ts";
import type { SessionId } from "./events.ts";
import type { Link, Links } from "./links.ts";
import type { Session, Sessions } from "./sessions.ts";

interface UserRecord {
  readonly user: string;
  /** sessions of this user here */
  online: number;
  /** the newest choice of the user's own that a ticket or a presence server told */
  choice: Choice;
  /** sessions that watch the user, and sessions that asked once */
  readonly watchers: Set<SessionId>;
  readonly askers: Set<SessionId>;
  /** undefined before the presence server answered for the first time */
  active: boolean | undefined;
  link: Link | undefined;
  /** the connection that was told, and what */
  conn: number;
  toldOnline: boolean;
  toldWatch: boolean;
}

export class Presence {
  readonly #core: Core;
  readonly #links: Links;
  readonly #sessions: Sessions;
  readonly #users = new Map<string, UserRecord>();

  constructor(core: Core, links: Links, sessions: Sessions) {
    this.#core = core;
    this.#links = links;
    this.#sessions = sessions;
  }

  get size(): number {
    return this.#users.size;
  }

  online(session: Session): void {
    const record = this.#record(session.user);
    record.online++;
    const { manual_away: away, manual_away_at: at } = session.ticketed!;
    this.#choose(record, { away, at }, 0, session.id);
    this.#sync(record);
  }

  offline(session: Session): void {
    const record = this.#users.get(session.user);
    if (record === undefined) return;
    record.online--;
    this.#sync(record);
  }

  /** Replaces what the session watches and pushes what is known of these users; the rest follows when it is known. */
  watch(session: Session, users: readonly string[]): void {
    const want = new Set(users);
    for (const user of session.watched) if (!want.has(user)) this.#unwatch(session, user);
    const known: UserRecord[] = [];
    for (const user of want) {
      const record = this.#record(user);
      if (record.active !== undefined) known.push(record);
      if (session.watched.has(user)) continue;
      session.watched.add(user);
      record.watchers.add(session.id);
      this.#sync(record);
    }
    this.#push(session, known);
  }

  /** Pushes the state of each user once. @returns false where the session has too many questions open */
  query(session: Session, users: readonly string[]): boolean {
    if (session.asked.size + users.length > limits.presenceSubUsers) return false;
    const known: UserRecord[] = [];
    for (const user of users) {
      const record = this.#record(user);
      if (record.active !== undefined) known.push(record);
      else {
        record.askers.add(session.id);
        session.asked.add(user);
        this.#sync(record);
      }
    }
    this.#push(session, known);
    return true;
  }

  gone(session: Session): void {
    for (const user of session.watched) this.#unwatch(session, user);
    for (const user of session.asked) {
      const record = this.#users.get(user);
      record?.askers.delete(session.id);
      if (record !== undefined) this.#sync(record);
    }
  }

  /** The ring changed. */
  reroute(): void {
    for (const record of [...this.#users.values()]) this.#sync(record);
    for (const link of this.#links.open("presence")) this.#announced(link);
  }

  linkOpened(link: Link): void {
    for (const record of [...this.#users.values()]) this.#sync(record);
    this.#announced(link);
  }

  linkBroke(link: Link): void {
    for (const record of [...this.#users.values()]) if (record.link === link) this.#sync(record);
  }

  onPresence(conn: number, frame: Frame<"presence">): void {
    const record = this.#users.get(frame.user);
    if (record === undefined || record.conn !== conn) return;
    const active = frame.active !== 0;
    const changed = record.active !== active;
    record.active = active;
    const to = [...new Set([...record.askers, ...(changed ? record.watchers : [])])];
    for (const id of record.askers) this.#sessions.get(id)?.asked.delete(record.user);
    record.askers.clear();
    this.#tell(to, record.user, active);
    this.#sync(record);
  }

  onManual(conn: number, frame: Frame<"manual">): void {
    this.chosen(frame.user, { away: frame.away !== 0, at: frame.at }, conn);
  }

  /** @param conn the presence server that told it; 0: the user's own channel did */
  chosen(user: string, choice: Choice, conn = 0): void {
    const record = this.#users.get(user);
    if (record === undefined) return;
    this.#choose(record, choice, conn, undefined);
    this.#sync(record);
  }

  /**
   * Takes a choice that is newer; the user's sessions learn what changed.
   * @param conn the presence server that told it, maybe one that was the user's when it was made; 0: another source
   * @param knows a session that knows it, as it comes from its own ticket
   */
  #choose(record: UserRecord, choice: Choice, conn: number, knows: SessionId | undefined): void {
    if (!isNewer(choice, record.choice)) return;
    const changed = choice.away !== record.choice.away;
    record.choice = choice;
    if (conn !== record.conn) record.toldOnline = false; // announced again, with the newer choice
    if (!changed) return;
    for (const session of this.#sessions.ofUser(record.user)) {
      if (session.phase === "live" && session.id !== knows) this.#core.emit({ type: "send", session: session.id, text: manualPresenceChange(choice.away) });
    }
  }

  /** A server that just came to own users waits for this from all gateways before it calls anyone away. */
  #announced({ conn }: Link): void {
    this.#links.send(conn, { type: "announced", epoch: this.#core.ring?.epoch ?? 0 });
  }

  #record(user: string): UserRecord {
    let record = this.#users.get(user);
    if (record === undefined) {
      record = { user, online: 0, choice: noChoice, watchers: new Set(), askers: new Set(), active: undefined, link: undefined, conn: 0, toldOnline: false, toldWatch: false };
      this.#users.set(user, record);
    }
    return record;
  }

  #unwatch(session: Session, user: string): void {
    session.watched.delete(user);
    const record = this.#users.get(user);
    if (record === undefined) return;
    record.watchers.delete(session.id);
    this.#sync(record);
  }

  /** Makes the right presence server know what it should, and no other. */
  #sync(record: UserRecord): void {
    const wantOnline = record.online > 0;
    const wantWatch = record.watchers.size + record.askers.size > 0;
    const link = wantOnline || wantWatch ? this.#links.target("presence", record.user) : record.link;
    const conn = link?.state === "open" ? link.conn : 0;
    if (conn !== record.conn || link !== record.link) {
      this.#say(record, false, false);
      record.toldOnline = record.toldWatch = false;
      record.link = link;
      record.conn = conn;
    }
    this.#say(record, wantOnline, wantWatch);
    if (!wantWatch) record.active = undefined;
    if (!wantOnline && !wantWatch) this.#users.delete(record.user);
  }

  #say(record: UserRecord, online: boolean, watch: boolean): void {
    const { user, conn, choice } = record;
    if (conn === 0 || !this.#links.isOpen(conn)) return;
    if (online !== record.toldOnline) this.#links.send(conn, online ? { type: "online", user, manualAway: choice.away ? 1 : 0, at: choice.at } : { type: "offline", user });
    if (watch !== record.toldWatch) this.#links.send(conn, { type: watch ? "watch" : "unwatch", user });
    record.toldOnline = online;
    record.toldWatch = watch;
  }

  /** One frame for all that watch in the same way. */
  #tell(to: readonly SessionId[], user: string, active: boolean): void {
    const batching = (id: SessionId): boolean => this.#sessions.get(id)?.ticketed?.batch_presence === true;
    for (const [list, text] of [
      [to.filter((id) => !batching(id)), presenceChange(user, active)],
      [to.filter(batching), presenceChanges([user], active)],
    ] as const) {
      if (list.length > 0) this.#core.emit({ type: "deliver", to: list, events: [{ payload: new TextEncoder().encode(text), origin: 0 }], transient: false });
    }
  }

  /** The state of several users, to one session. */
  #push(session: Session, records: readonly UserRecord[]): void {
    const send = (text: string): void => this.#core.emit({ type: "send", session: session.id, text });
    if (session.ticketed?.batch_presence !== true) {
      for (const record of records) send(presenceChange(record.user, record.active === true));
      return;
    }
    for (const active of [true, false]) {
      const users = records.filter((record) => record.active === active).map((record) => record.user);
      if (users.length > 0) send(presenceChanges(users, active));
    }
  }
}
