/** The page's files, as `npm run build` made them: read once, and served by their exact names alone. */
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { ProtocolError } from "../protocol/problems.ts";
import type { Routes } from "../runtime/http.ts";

export const builtPage = fileURLToPath(new URL("../../build/pages/console", import.meta.url));

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
};

/** Nothing runs, loads or is asked but what comes from here; nobody frames it. */
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Of every answer. */
export const safeHeaders = { "content-security-policy": policy, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" } as const;

/** @throws Error where the page is not built */
export async function pageRoutes(folder: string): Promise<Routes> {
  const files = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
    const type = types[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(folder, path).split(sep).join("/"), { type, bytes: await readFile(path) });
  }
  if (!files.has("index.html")) throw new Error(`the console's page is not built: npm run build (${folder} has no index.html)`);
  return {
    // With the slash the page's own links lead below it. A browser keeps the fragment.
    "GET /console": () => ({ status: 308, headers: { ...safeHeaders, location: "/console/" } }),
    "GET /console/{file...}": ({ params }) => {
      const file = files.get(params["file"] === "" ? "index.html" : params["file"]!);
      if (file === undefined) throw new ProtocolError("not_found", "the console has no such file");
      // Vite puts a digest of the content into the names of assets.
      const caching = params["file"]!.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache";
      return { status: 200, headers: { ...safeHeaders, "content-type": file.type, "cache-control": caching }, body: file.bytes };
    },
  };
}
