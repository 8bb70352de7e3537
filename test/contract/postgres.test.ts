import { afterAll, beforeAll, describe } from "vitest";
import { openPgDirectory } from "../../services/store/pg-directory.ts";
import { openPgLog } from "../../services/store/pg-log.ts";
import { havePostgres, startPostgres, type PostgresServer } from "../engines/postgres.ts";
import { directoryContract } from "./directory.ts";
import { logContract } from "./log.ts";

describe.runIf(havePostgres())("on a PostgreSQL server", () => {
  let server: PostgresServer;
  beforeAll(async () => void (server = await startPostgres()));
  afterAll(() => server?.stop());

  logContract("PostgreSQL", async () => {
    await server.empty();
    return openPgLog(server.url, 8);
  });
  directoryContract("PostgreSQL", async () => {
    await server.empty();
    return openPgDirectory(server.url, 8);
  });
});
