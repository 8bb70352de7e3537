/** A page for browsers, as `npm run build` made it: its files, read once and served by their exact names alone, and what a browser may do with them. */
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "./flags.ts";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

/** By their paths below the page's folder, e.g. `assets/index-1.js`. */
export type BuiltPage = ReadonlyMap<string, PageFile>;

/** Vite puts a digest of the content into the names of assets. */
export const assetCaching = "public, max-age=31536000, immutable";

/** Where the build puts a page. */
export function builtAt(name: "chat" | "console"): string {
  return fileURLToPath(new URL(`../../build/pages/${name}`, import.meta.url));
}

/** @throws UsageError where it is not built */
export async function readPage(folder: string): Promise<BuiltPage> {
  const files = new Map<string, PageFile>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
    const type = types[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(folder, path).split(sep).join("/"), { type, body: await readFile(path) });
  }
  if (!files.has("index.html")) throw new UsageError(`the page in ${folder} is not built: npm run build`);
  return files;
}

/**
 * Nothing runs, loads or is asked but what comes from where the page does: text that somebody wrote can run nothing and reach nobody. Nobody frames it.
 * @param sockets where else it may connect to, as `wss://chat.example.org`
 */
export function pageHeaders(...sockets: readonly string[]): Readonly<Record<string, string>> {
  const policy = ["default-src 'none'", "script-src 'self'", "style-src 'self'", ["connect-src 'self'", ...sockets].join(" "), "img-src 'self' data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"];
  return { "content-security-policy": policy.join("; "), "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" };
}
