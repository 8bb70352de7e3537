/**
 * Copies a store into an empty one, of whatever engine, by batches. The target remembers how far it is, so a copy that was ended at any
 * moment goes on from there; a batch that is loaded twice is loaded once. In the end both are read whole and compared. The copy is of one
 * moment only where nobody writes meanwhile: whether somebody did is found out.
 */
import { createHash } from "node:crypto";
import { batches } from "./batches.ts";
import { digestOf, type Digest } from "./digest.ts";
import { CopyError, type End } from "./end.ts";
import { readPlace, type Place } from "./place.ts";
import { rowKey, type Table, type TableName } from "./rows.ts";

/** In this order: fences first, and a channel's head after all that is below it. */
export const copied = ["claims", "entries", "messages", "heads", "users", "tokens", "channels", "members", "unsettled", "lastReads"] as const satisfies readonly TableName[];
export type CopiedTable = (typeof copied)[number];

/** Every write but to these shows in one of the others: an entry in its channel's head. So they tell whether somebody wrote. */
const large: ReadonlySet<CopiedTable> = new Set(["entries", "messages"]);

export interface Compared {
  readonly source: Digest;
  readonly target: Digest;
}

export interface Copied {
  readonly from: string;
  readonly to: string;
  /** `all`; `rest`: some was there; `nothing`: all was there, or the source is no more what it was */
  readonly did: "all" | "rest" | "nothing";
  /** when source and target were found to be the same; absent: they are not */
  readonly verified?: string;
  /** somebody wrote to the source since the copy began */
  readonly changed: boolean;
  /** empty where nothing was read */
  readonly tables: Readonly<Partial<Record<CopiedTable, Compared>>>;
}

export interface CopyOptions {
  /** rows of a batch, at most */
  readonly batch: number;
  /** told of the share that is done of each of the two parts */
  readonly told: (part: "copying" | "verifying", share: number, table: string) => void;
  readonly now: () => number;
}

/**
 * @returns also where the target is not the same as the source: whoever asks looks at `verified`
 * @throws CopyError where it isn't to be begun: an empty source, a target that holds something else
 * @throws StoreUnavailable; the same copy goes on later
 */
export async function copyStore(from: End, to: End, { batch, told, now }: CopyOptions): Promise<Copied> {
  const [source, target] = [tablesOf(from), tablesOf(to)];
  if (from.name === to.name) throw new CopyError(`both are the same store: ${from.name}`);
  const begun = await placeIn(to);
  if (begun === undefined && (await hasRows(target))) throw new CopyError(`${to.name} holds something already; a copy needs an empty store`);
  if (begun !== undefined && begun.from !== from.name) throw new CopyError(`${to.name} holds a copy of ${begun.from}, not of ${from.name}`);
  const seen = await survey(source);
  if (seen.rows === 0) throw new CopyError(`there is nothing in ${from.name}`);
  const names = { from: from.name, to: to.name };
  if (begun !== undefined && begun.source !== seen.digest) return { ...names, did: "nothing", changed: true, tables: {} };
  if (begun?.verified !== undefined) return { ...names, did: "nothing", changed: false, verified: begun.verified, tables: {} };

  let place: Place = begun ?? { from: from.name, source: seen.digest, table: copied[0], after: [], rows: 0 };
  const keep = async (next: Place): Promise<void> => {
    place = next;
    await to.log.rows.copies.load([{ id: "copy", state: JSON.stringify(place) }]);
  };
  // Before anything is written: from now on the target is this copy's.
  if (begun === undefined) await keep(place);
  const shares = new Shares(seen.sizes);
  for (const name of copied.slice(place.table === "" ? copied.length : copied.findIndex((table) => table === place.table))) {
    if (name !== place.table) await keep({ ...place, table: name, after: [], rows: 0 });
    for await (const rows of batches(name, source[name], place.after, batch)) {
      await target[name].load(rows);
      await keep({ ...place, after: rowKey(name, rows.at(-1)!), rows: place.rows + rows.length });
      told("copying", shares.at(name, place.rows), name);
    }
  }
  await keep({ ...place, table: "", after: [], rows: 0 });

  const tables = await compare(source, target, (name, rows) => told("verifying", shares.at(name, rows), name));
  const changed = signature((name) => tables[name].source) !== place.source;
  const result = { ...names, did: begun === undefined ? "all" : "rest", changed, tables } as const;
  if (changed || differing(tables).length > 0) return result;
  const verified = new Date(now()).toISOString();
  await keep({ ...place, verified });
  return { ...result, verified };
}

/** Reads both whole. @param told how many rows of a table were read */
async function compare(source: EndTables, target: EndTables, told: (table: CopiedTable, rows: number) => void): Promise<Record<CopiedTable, Compared>> {
  const tables: Partial<Record<CopiedTable, Compared>> = {};
  for (const name of copied) {
    let rows = 0;
    const [ours, theirs] = await Promise.all([digestOf(name, source[name], (read) => told(name, (rows += read.length))), digestOf(name, target[name])]);
    tables[name] = { source: ours, target: theirs };
  }
  return tables as Record<CopiedTable, Compared>;
}

/** The tables that are not the same in both. */
export function differing(tables: Copied["tables"]): string[] {
  return Object.entries(tables).filter(([, { source, target }]) => source.sha256 !== target.sha256 || source.rows !== target.rows).map(([name]) => name);
}

type EndTables = Readonly<Record<CopiedTable, Table<object>>>;

/** Of one table's rows nothing is known here but their keys: what one store gives out another takes. */
function tablesOf({ log, directory }: End): EndTables {
  return { ...log.rows, ...directory.rows } as unknown as EndTables;
}

async function placeIn(to: End): Promise<Place | undefined> {
  const [row] = await to.log.rows.copies.dump([], 1);
  return row === undefined ? undefined : readPlace(row.state);
}

async function hasRows(tables: EndTables): Promise<boolean> {
  const firsts = await Promise.all(copied.map((name) => tables[name].dump([], 1)));
  return firsts.some(({ length }) => length > 0);
}

interface Survey {
  /** of all that tells of writes */
  readonly digest: string;
  readonly rows: number;
  /** about so many rows each table has: no message without an entry */
  readonly sizes: Readonly<Record<CopiedTable, number>>;
}

/** Reads what tells of writes, which is little beside the rest. */
async function survey(tables: EndTables): Promise<Survey> {
  const sizes = Object.fromEntries(copied.map((name) => [name, 0])) as Record<CopiedTable, number>;
  const digests: Partial<Record<CopiedTable, Digest>> = {};
  for (const name of copied) {
    if (large.has(name)) continue;
    digests[name] = await digestOf(name, tables[name], (rows) => {
      if (name !== "heads") return;
      for (const { head, first } of rows as readonly { head: number; first: number }[]) sizes.entries += head - first + 1;
    });
    sizes[name] = digests[name].rows;
  }
  sizes.messages = sizes.entries;
  return { digest: signature((name) => digests[name]!), rows: Object.values(sizes).reduce((sum, rows) => sum + rows, 0), sizes };
}

function signature(of: (name: CopiedTable) => Digest): string {
  const hash = createHash("sha256");
  for (const name of copied) if (!large.has(name)) hash.update(`${name} ${of(name).sha256}\n`);
  return hash.digest("hex");
}

/** How far a walk through all tables is. */
class Shares {
  readonly #sizes: Survey["sizes"];

  constructor(sizes: Survey["sizes"]) {
    this.#sizes = sizes;
  }

  at(table: CopiedTable, rows: number): number {
    const of = (names: readonly CopiedTable[]): number => names.reduce((sum, name) => sum + this.#sizes[name], 0);
    return (of(copied.slice(0, copied.indexOf(table))) + Math.min(rows, this.#sizes[table])) / of(copied);
  }
}
