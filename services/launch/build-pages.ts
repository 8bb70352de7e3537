/** Builds the pages for browsers to `build/pages/NAME/`, where a source is newer than they are (part of `npm run build`). */
import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Name → the folder with its `index.html`. */
const pages = { chat: "services/webapp/web", console: "services/console/web" } as const;

/** What a page is made of beside its own folder. */
const shared = ["client/src", "package-lock.json"];

/** @param say told before what takes long */
export async function buildPages(say: (line: string) => void): Promise<void> {
  for (const [name, folder] of Object.entries(pages)) {
    const output = join(root, "build", "pages", name);
    const made = await stat(join(output, "index.html")).then(({ mtimeMs }) => mtimeMs, () => 0);
    if (made > (await newest([folder, ...shared]))) continue;
    say(`Building ${folder} to build/pages/${name}`);
    // Loaded only here: a plane whose pages are built starts without it.
    const { build } = await import("vite");
    const fresh = `${output}.${process.pid}`;
    await build({
      root: join(root, folder),
      configFile: false,
      logLevel: "warn",
      base: "./",
      oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
      resolve: { alias: { "@ringway/client": join(root, "client/src/index.ts") } },
      build: { outDir: fresh, emptyOutDir: true, target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
    });
    // Somebody may be serving the old one, or building too.
    await rm(output, { recursive: true, force: true });
    await rename(fresh, output).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      await rm(fresh, { recursive: true });
    });
  }
}

async function newest(list: readonly string[]): Promise<number> {
  const times = await Promise.all(
    list.map(async (path) => {
      const full = join(root, path);
      if (!(await stat(full)).isDirectory()) return [(await stat(full)).mtimeMs];
      return Promise.all((await readdir(full, { recursive: true })).map(async (file) => (await stat(join(full, file))).mtimeMs));
    }),
  );
  return Math.max(...times.flat());
}
