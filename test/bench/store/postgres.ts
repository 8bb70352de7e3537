/** One PostgreSQL server for the bench, with a database for each that takes part. */
import pg from "pg";
import { findPostgres, startPostgres } from "../../engines/postgres.ts";
import { fact, type Fact } from "../facts.ts";
import { kinds, type Kind } from "./workload.ts";

export interface BenchServer {
  readonly version: Fact;
  readonly places: ReadonlyMap<Kind, string>;
  stop(): Promise<void>;
}

/** @returns undefined where its binaries are missing */
export async function startServer(): Promise<BenchServer | undefined> {
  if (findPostgres() === undefined) return undefined;
  const server = await startPostgres();
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    const places = new Map<Kind, string>();
    for (const [i, kind] of kinds.entries()) {
      await client.query(`create database bench${i}`);
      const url = new URL(server.url);
      url.pathname = `/bench${i}`;
      places.set(kind, url.href);
    }
    const { rows } = await client.query<{ server_version: string }>("show server_version");
    return { version: fact("PostgreSQL", rows[0]?.server_version ?? "?"), places, stop: () => server.stop() };
  } finally {
    await client.end();
  }
}
