/** The page's files below `/console/`. */
import { ProtocolError } from "../protocol/problems.ts";
import { assetCaching, pageHeaders, readPage } from "../runtime/built-page.ts";
import type { Routes } from "../runtime/http.ts";

/** @throws UsageError where the page is not built */
export async function pageRoutes(folder: string): Promise<Routes> {
  const files = await readPage(folder);
  const headers = pageHeaders();
  return {
    // With the slash the page's own links lead below it. A browser keeps the fragment.
    "GET /console": () => ({ status: 308, headers: { ...headers, location: "/console/" } }),
    "GET /console/{file...}": ({ params }) => {
      const file = files.get(params["file"] === "" ? "index.html" : params["file"]!);
      if (file === undefined) throw new ProtocolError("not_found", "the console has no such file");
      const caching = params["file"]!.startsWith("assets/") ? assetCaching : "no-cache";
      return { status: 200, headers: { ...headers, "content-type": file.type, "cache-control": caching }, body: file.body };
    },
  };
}
