/** A webapp on a free port in development mode, with a directory in memory and a stand-in for the mesh. */
import { createLog } from "../../services/runtime/log.ts";
import { ask } from "../../services/runtime/request.ts";
import { openMemoryDirectory } from "../../services/store/memory-directory.ts";
import type { Directory } from "../../services/store/directory.ts";
import { readConfig } from "../../services/webapp/config.ts";
import { start } from "../../services/webapp/server.ts";
import { startFakeMesh, type FakeMesh } from "./fake-mesh.ts";

export const ada = "xoxp-dev-ada";
export const grace = "xoxp-dev-grace";
export const linus = "xoxp-dev-linus";
export const margaret = "xoxp-dev-margaret";
export const robot = "xoxb-dev-robot";

/** An answer of the Web API, its fields readable without ceremony. */
export type ApiJson = Readonly<Record<string, unknown>> & {
  readonly ok: boolean;
  readonly error?: string;
  readonly ts?: string;
  readonly channel?: Readonly<Record<string, unknown>> & { readonly id: string };
  readonly channels?: readonly { readonly id: string; readonly name?: string; readonly is_member?: boolean }[];
  readonly messages?: readonly { readonly text: string; readonly ts: string }[];
  readonly members?: readonly unknown[];
  readonly response_metadata?: { readonly next_cursor?: string; readonly messages?: readonly string[] };
};

export interface Fixture {
  readonly url: string;
  readonly mesh: FakeMesh;
  readonly directory: Directory;
  /** One call with a JSON body. */
  call(token: string | undefined, method: string, args?: Readonly<Record<string, unknown>>): Promise<ApiJson>;
  stop(): Promise<void>;
}

/** @param flags beyond those that point it at its stand-ins; `[]` for no development mode */
export async function startFixture(flags: readonly string[] = ["--dev"], directory: Directory = openMemoryDirectory()): Promise<Fixture> {
  const mesh = await startFakeMesh();
  const config = readConfig(["--listen", "127.0.0.1:0", "--mesh-url", mesh.url, "--registry-url", mesh.url, "--store", "memory", ...flags]);
  const running = await start(config, createLog("webapp", config.id, "silent"), directory);
  const url = `http://${running.address}`;
  return {
    url,
    mesh,
    directory,
    async call(token, method, args = {}) {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return (await ask(`${url}/api/${method}`, { method: "POST", body: args, headers, timeoutMs: 10_000 })).json as ApiJson;
    },
    async stop() {
      await running.stop();
      await mesh.close();
    },
  };
}
