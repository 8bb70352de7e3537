/**
 * Bugs that are put into the plane's own rules to see that the simulation finds them. Each replaces a part of one source as it is
 * loaded (plant.ts); nothing in production code knows of it.
 */

export interface Planted {
  readonly name: string;
  /** from the project's root */
  readonly file: string;
  /** each is in the file exactly once: a bug whose place was rewritten must not go unplanted */
  readonly edits: readonly { readonly find: string; readonly replace: string }[];
  /** what the run must say that finds it */
  readonly says: RegExp;
}

export const plantedBugs: readonly Planted[] = [
  {
    name: "the fence is ignored",
    file: "services/store/memory-log.ts",
    edits: [{ find: "if (this.claimed(slot).fence !== fence) return", replace: "if (false) return" }],
    says: /appended to slot \d+ with fence \d+ after .* was given \d+/,
  },
  {
    name: "a publish is acked before it is appended",
    file: "services/channel/channel.ts",
    edits: [{ find: "    work.flights.depart(append, list);\n", replace: "    for (const { job, entry, message } of list) this.#published(job, entry, false, message);\n    work.flights.depart(append, list);\n" }],
    says: /got an ack for \S+, which \S+ does not hold/,
  },
  {
    name: "a replay begins one event too late",
    file: "services/gateway/subscriptions.ts",
    edits: [{ find: "AFTER_HEAD : sub.last, id:", replace: "AFTER_HEAD : sub.last + 1, id:" }],
    says: /left out in silence|was told of a gap|has not seen/,
  },
  {
    name: "a session is live before it caught up",
    file: "services/gateway/members.ts",
    edits: [{ find: `      member.mode = "catching";\n`, replace: `      member.mode = "catching";\n      sub.live.add(session.id, member);\n` }],
    says: /left out in silence|twice, or out of order/,
  },
  {
    name: "a gap leaves out one event too many",
    file: "services/channel/reads.ts",
    edits: [{ find: "else young = middle;\n  }\n  return old;", replace: "else young = middle;\n  }\n  return Math.min(old + 1, head);" }],
    says: /was told of a gap in \S+ .*: \d+ is within the window/,
  },
  {
    name: "a publish that is sent again has another key",
    file: "services/gateway/publishes.ts",
    edits: [
      { find: "  lost(sub: Subscription): void {\n", replace: "  readonly #again = new WeakSet<Pending>();\n\n  lost(sub: Subscription): void {\n    for (const pending of sub.pending) if (pending.sent) this.#again.add(pending);\n" },
      { find: "origin: session, user, key, taken,", replace: "origin: session, user, key: this.#again.has(pending) ? `${key}-${sub.chan}` : key, taken," },
    ],
    says: /does not hold at|stands in the log twice/,
  },
  {
    name: "a presence server does not wait for the gateways",
    file: "services/presence/settle.ts",
    edits: [{ find: "return this.#settled;", replace: "return true;" }],
    says: /is told that \S+ is away, who had a live socket/,
  },
  {
    name: "nobody has time to come back",
    file: "services/presence/state.ts",
    edits: [{ find: "this.#now + this.#options.graceMs,", replace: "this.#now," }],
    says: /is told that \S+ is away, who had a live socket/,
  },
  {
    name: "a user who left is never called away",
    file: "services/presence/state.ts",
    edits: [{ find: "this.#now + this.#options.graceMs,", replace: "this.#now + 60 * this.#options.graceMs," }],
    says: /active for \d+ ms, who is not, with nothing in the way/,
  },
  {
    name: "a rebalance is done in one step",
    file: "services/charm/steps.ts",
    edits: [{ find: "if (share >= 1 || ", replace: "if (share >= 0 || " }],
    says: /% of the channel slots from servers that live, in one step/,
  },
  {
    name: "all clients of a drained gateway leave at once",
    file: "services/gateway/farewell.ts",
    edits: [{ find: "this.#core.now) + this.#everyMs;", replace: "this.#core.now);" }],
    says: /clients are sent to other gateways within a second/,
  },
];

/** @throws Error where there is no such bug */
export function plantedBug(name: string): Planted {
  const planted = plantedBugs.find((bug) => bug.name === name);
  if (planted === undefined) throw new Error(`no planted bug is called ${JSON.stringify(name)}`);
  return planted;
}

/** @throws Error where a snippet is not there exactly once */
export function plant({ name, file, edits }: Planted, source: string): string {
  return edits.reduce((text, { find, replace }) => {
    const found = text.split(find).length - 1;
    if (found !== 1) throw new Error(`"${name}": ${JSON.stringify(find)} is ${found} times in ${file}`);
    return text.replace(find, () => replace);
  }, source);
}
