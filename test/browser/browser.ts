/** A real Chromium for the tests of the pages: Debian's, by playwright-core. */
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { PNG } from "pngjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const axeFile = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const places = [process.env["CHROMIUM_BIN"], "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where Chromium is; undefined where it is not. In CI it must be. */
async function findChromium(): Promise<string | undefined> {
  for (const place of places) if (place !== undefined && (await access(place).then(() => true, () => false))) return place;
  if (process.env["CI"] !== undefined) throw new Error("no Chromium: apt-get install chromium, or CHROMIUM_BIN");
  return undefined;
}

export const chromiumPath = await findChromium();
if (chromiumPath === undefined) console.warn("the pages are not tested: there is no Chromium (apt-get install chromium, or CHROMIUM_BIN)");

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath!, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
}

/** Serious and critical findings of axe, one line each. */
export async function findings(page: Page): Promise<string[]> {
  // As the page's policy allows no other script, axe comes in by the debugger's own way.
  await page.evaluate(await readFile(axeFile, "utf8"));
  const { violations } = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as { violations: { id: string; impact: string; help: string; nodes: { html: string }[] }[] };
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
}

/**
 * A picture of the page in `build/pictures/NAME.png`; with RINGWAY_UPDATE_PICTURES=1 also in `docs/pictures/`, where a document shows it.
 * @returns how many colours it has, and which share of its pixels the most frequent one takes: a blank page has one, all
 */
export async function picture(page: Page, name: string): Promise<{ readonly colours: number; readonly background: number }> {
  const folder = join(root, "build", "pictures");
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name}.png`);
  const { data, width, height } = PNG.sync.read(await page.screenshot({ path: file, animations: "disabled" }));
  const shown = join(root, "docs", "pictures", `${name}.png`);
  if (process.env["RINGWAY_UPDATE_PICTURES"] === "1" && (await access(shown).then(() => true, () => false))) await writeFile(shown, smaller(data, width, height));
  const counts = new Map<number, number>();
  for (let at = 0; at < data.length; at += 4) {
    const colour = data.readUInt32BE(at);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  return { colours: counts.size, background: Math.max(...counts.values()) / (width * height) };
}

/** The same picture in 32 steps of each colour, which nobody sees, and half of the bytes. */
function smaller(data: Buffer, width: number, height: number): Buffer {
  const copy = new PNG({ width, height });
  for (let at = 0; at < data.length; at++) copy.data[at] = Math.min(255, Math.round(data[at]! / 8) * 8);
  return PNG.sync.write(copy, { colorType: 2, deflateLevel: 9, deflateStrategy: 0, filterType: 0 });
}
