/** `npm run chaos`, in its short form, on every change: what is lost, doubled, reordered or acked in vain fails it; times are printed. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { rowNames } from "./rows.ts";
import type { TableRow } from "./table.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** No event begins later than this, seconds: the suite's time is limited, and the run says what it left out. */
const seconds = 18;

/** Each day begins elsewhere, so that in some days all kinds have been through, however slow the machine. */
const today = rowNames[(Math.floor(Date.now() / 86_400_000) * 5) % rowNames.length]!;

function chaos(...args: string[]): Promise<{ readonly code: number | null; readonly out: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, "test", "chaos", "run.ts"), ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.on("close", (code) => resolve({ code, out }));
  });
}

test(`through what may happen, from ${today} on: nothing is lost, doubled, reordered or acked in vain`, async () => {
  const folder = await mkdtemp(join(tmpdir(), "ringway-chaos-test-"));
  try {
    const file = join(folder, "chaos.json");
    const { code, out } = await chaos("--seconds", String(seconds), "--begin-with", today, "--json", file);
    console.log(out);
    expect(code, out).toBe(0);
    const { table } = JSON.parse(await readFile(file, "utf8")) as { table: readonly TableRow[] };
    expect(table.length).toBeGreaterThan(0);
    for (const { row, faults } of table) expect(faults, row).toEqual({});
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 300_000);

test("a wrong command line is one line and exit code 2", async () => {
  expect(await chaos("--only", "earthquake")).toEqual({ code: 2, out: expect.stringMatching(/^chaos: --only: 'earthquake' is none of quiet, .*\n$/) as unknown });
  expect(await chaos("--events", "many")).toEqual({ code: 2, out: "chaos: --events takes a whole number from 1, not 'many'\n" });
  expect(await chaos("--store", "memory")).toEqual({ code: 2, out: "chaos: --store is lmdb or postgres, not 'memory'\n" });
});
