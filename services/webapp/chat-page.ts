/** The chat page's files, as `npm run build` made them, and what a browser may do with them. */
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../runtime/flags.ts";
import { devPeople } from "./dev.ts";

const built = fileURLToPath(new URL("../../build/pages/chat/", import.meta.url));

const types: Readonly<Record<string, string>> = { ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };

export interface ChatPage {
  readonly index: Buffer;
  /** by name; nothing else is served from the folder, whatever a path says */
  readonly assets: ReadonlyMap<string, { readonly type: string; readonly body: Buffer }>;
}

/** @throws UsageError where the page was not built */
export async function loadChatPage(folder: string = built): Promise<ChatPage> {
  try {
    const names = (await readdir(join(folder, "assets"))).filter((name) => types[extname(name)] !== undefined);
    const assets = await Promise.all(names.map(async (name) => [name, { type: types[extname(name)]!, body: await readFile(join(folder, "assets", name)) }] as const));
    return { index: await readFile(join(folder, "index.html")), assets: new Map(assets) };
  } catch (error) {
    throw new UsageError(`--chat: the page is not there (${(error as NodeJS.ErrnoException).code}); run 'npm run build' first`);
  }
}

/** Scripts and styles of its own alone, and sockets to this very host: text that somebody wrote can run nothing and reach nobody. */
export function chatHeaders({ secure, host }: { readonly secure: boolean; readonly host: string }): Readonly<Record<string, string>> {
  const policy = ["default-src 'none'", "script-src 'self'", "style-src 'self'", `connect-src 'self' ${secure ? "wss" : "ws"}://${host}`, "img-src 'self' data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"];
  return {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy.join("; "),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
  };
}

/** An asset's name holds a hash of what is in it. */
export const assetHeaders = { "x-content-type-options": "nosniff", "cache-control": "public, max-age=31536000, immutable" } as const;

/** What `/demo.json` answers: who may be chosen by a click, which is nobody outside of development. */
export function demoUsers(dev: boolean): { readonly users: readonly { readonly name: string; readonly realName: string; readonly token: string }[] } {
  return { users: dev ? devPeople : [] };
}
