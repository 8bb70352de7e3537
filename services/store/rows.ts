/**
 * A store as rows, table by table: what reading one whole and writing it into another takes (copy.ts). Both contracts have it as `rows`, and
 * every engine says the same of the same rows. Tickets are no part of it: they live for 30 s.
 */
import type { Change, Channel, Token, User } from "./directory.ts";
import type { Entry } from "./log.ts";

/** What a row is found by, e.g. `[channel, offset]`; `[]` is before all. */
export type RowKey = readonly (string | number)[];

export interface LogRows {
  /** slots: a fence only ever rises, also where a lower one is loaded */
  readonly claims: { readonly slot: number; readonly fence: number; readonly owner: string };
  /** with their keys, by which publishing twice is publishing once */
  readonly entries: { readonly channel: string } & Omit<Entry, "view">;
  /** as they are now: edits and reactions applied, deleted ones absent; `ts` in the form of tsKey */
  readonly messages: { readonly channel: string; readonly ts: string; readonly message: Uint8Array };
  readonly heads: { readonly channel: string; readonly head: number; readonly lastTs: string; readonly first: number };
  /** how far a copy into this store is; of the store itself, so never copied */
  readonly copies: { readonly id: string; readonly state: string };
}

export interface DirectoryRows {
  readonly users: User;
  readonly tokens: Token;
  readonly channels: Channel;
  readonly members: { readonly channel: string; readonly user: string };
  readonly unsettled: Change;
  readonly lastReads: { readonly channel: string; readonly user: string; readonly ts: string };
}

export interface Table<Row> {
  /**
   * Rows beyond a key, in order of their keys; none only at the end.
   * @throws StoreUnavailable
   */
  dump(after: RowKey, limit: number): Promise<Row[]>;
  /**
   * Puts rows in the place of those with the same keys, durably, whatever is there: once or twice is the same. Rows come in order of their keys,
   * entries before their channel's head. Nobody may use the store meanwhile.
   * @throws StoreUnavailable
   */
  load(rows: readonly Row[]): Promise<void>;
}

export type Tables<Rows> = { readonly [T in keyof Rows]: Table<Rows[T]> };

export type TableName = keyof LogRows | keyof DirectoryRows;

const keys: { readonly [T in TableName]: readonly string[] } = {
  claims: ["slot"],
  entries: ["channel", "offset"],
  messages: ["channel", "ts"],
  heads: ["channel"],
  copies: ["id"],
  users: ["id"],
  tokens: ["hash"],
  channels: ["id"],
  members: ["channel", "user"],
  unsettled: ["channel", "user"],
  lastReads: ["channel", "user"],
};

export function rowKey(table: TableName, row: object): RowKey {
  return keys[table].map((name) => (row as Readonly<Record<string, string | number>>)[name]!);
}
