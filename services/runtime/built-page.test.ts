import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pageHeaders, readPage } from "./built-page.ts";

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "ringway-page-"))));
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a page that was not built is a mistake at the command line, which says what to do", async () => {
  await expect(readPage(join(folder, "nowhere"))).rejects.toThrow(/^the page in .*nowhere is not built: npm run build$/);
});

test("what lies among its files and is no part of a page is not served", async () => {
  await mkdir(join(folder, "assets"));
  for (const [name, text] of [["index.html", "<p>"], ["assets/index-1.js", "1"], ["assets/index-1.css", "a{}"], ["assets/.secret", "x"], ["assets/index-1.js.map", "{}"]] as const) await writeFile(join(folder, name), text);
  expect([...(await readPage(folder)).keys()].sort()).toEqual(["assets/index-1.css", "assets/index-1.js", "index.html"]);
});

test("a page may run, load and ask nothing but its own, and the sockets that are named", () => {
  expect(pageHeaders()["content-security-policy"]).toContain("connect-src 'self';");
  expect(pageHeaders("wss://chat.example.org")["content-security-policy"]).toContain("connect-src 'self' wss://chat.example.org;");
});
