/** Consul's services and their TTL checks: pure, given `now`. */

export type Status = "passing" | "warning" | "critical";

export interface Check {
  readonly checkId: string;
  readonly name: string;
  readonly ttlMs: number;
  /** 0 = never */
  readonly forgetAfterMs: number;
  readonly initial: Status;
}

export interface Service {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly check: Check | undefined;
}

export interface Member {
  readonly service: Service;
  readonly createIndex: number;
  modifyIndex: number;
  status: Status;
  output: string;
  /** when the check expires unless it is passed */
  expiresAt: number;
  /** when it turned critical */
  criticalAt: number | undefined;
}

export const healthLimits = {
  /** Services in all: three pools of 1,024 and room for others. More is 500 with a clear text. */
  services: 4096,
  /** Entries in `Meta`, and characters of a value: Consul's own bounds. */
  metaPairs: 64,
  metaChars: 512,
} as const;

/** Gives the next index; called only where something changed. */
export type TakeIndex = () => number;

export class Health {
  readonly #members = new Map<string, Member>();
  readonly #byCheck = new Map<string, Member>();
  readonly #indexes = new Map<string, number>();
  readonly #bornIndex: number;

  /** @param bornIndex index of services that nobody registered yet: above any that an earlier process gave out */
  constructor(bornIndex: number) {
    this.#bornIndex = bornIndex;
  }

  get size(): number {
    return this.#members.size;
  }

  has(id: string): boolean {
    return this.#members.has(id);
  }

  /** What a blocking query on `service` compares with. */
  indexOf(service: string): number {
    return this.#indexes.get(service) ?? this.#bornIndex;
  }

  /** Instances of a service by ID, whatever their status. */
  list(service: string): Member[] {
    return [...this.#members.values()].filter((m) => m.service.name === service).sort((a, b) => (a.service.id < b.service.id ? -1 : 1));
  }

  /** Registers or replaces. @returns the names of the services that changed */
  register(service: Service, now: number, take: TakeIndex): string[] {
    const before = this.#members.get(service.id);
    const status = service.check?.initial ?? "passing";
    const expiresAt = now + (service.check?.ttlMs ?? Infinity);
    if (before !== undefined && before.status === status && JSON.stringify(before.service) === JSON.stringify(service)) {
      before.expiresAt = expiresAt;
      return [];
    }
    const index = take();
    const changed = before === undefined ? [] : this.#remove(before, index);
    const member: Member = { service, createIndex: before?.createIndex ?? index, modifyIndex: index, status, output: "", expiresAt, criticalAt: status === "critical" ? now : undefined };
    this.#members.set(service.id, member);
    if (service.check !== undefined) this.#byCheck.set(service.check.checkId, member);
    this.#indexes.set(service.name, index);
    return [...new Set([...changed, service.name])];
  }

  /** @returns the name of the service that lost an instance, undefined where the ID is unknown */
  deregister(id: string, take: TakeIndex): string | undefined {
    const member = this.#members.get(id);
    return member === undefined ? undefined : this.#remove(member, take())[0];
  }

  /** @returns undefined where the check is unknown, else the names of the services that changed */
  setStatus(checkId: string, status: Status, output: string, now: number, take: TakeIndex): string[] | undefined {
    const member = this.#byCheck.get(checkId);
    if (member === undefined) return undefined;
    member.expiresAt = now + member.service.check!.ttlMs;
    return this.#turn(member, status, output, now, take);
  }

  /**
   * Expires checks and forgets what is critical for too long.
   * @param stalledMs how long this process itself stood still: nobody could be heard, so deadlines move on by as much
   * @returns the names of the services that changed
   */
  sweep(now: number, stalledMs: number, take: TakeIndex): string[] {
    const changed = new Set<string>();
    for (const member of this.#members.values()) {
      const check = member.service.check;
      if (check === undefined) continue;
      member.expiresAt += stalledMs;
      if (member.status !== "critical" && now >= member.expiresAt) {
        for (const name of this.#turn(member, "critical", "TTL expired", now, take)) changed.add(name);
      }
      if (member.criticalAt !== undefined && check.forgetAfterMs > 0 && now >= member.criticalAt + check.forgetAfterMs) {
        for (const name of this.#remove(member, take())) changed.add(name);
      }
    }
    return [...changed];
  }

  #turn(member: Member, status: Status, output: string, now: number, take: TakeIndex): string[] {
    member.output = output;
    if (member.status === status) return [];
    const index = take();
    member.status = status;
    member.modifyIndex = index;
    member.criticalAt = status === "critical" ? now : undefined;
    this.#indexes.set(member.service.name, index);
    return [member.service.name];
  }

  #remove(member: Member, index: number): string[] {
    this.#members.delete(member.service.id);
    const checkId = member.service.check?.checkId;
    if (checkId !== undefined && this.#byCheck.get(checkId) === member) this.#byCheck.delete(checkId);
    this.#indexes.set(member.service.name, index);
    return [member.service.name];
  }
}
