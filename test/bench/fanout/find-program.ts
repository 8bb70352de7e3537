import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** The path of a program on PATH, or where Debian puts servers. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"]) {
    if (folder === "") continue;
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(() => true, () => false);
    if (isThere) return path;
  }
  return undefined;
}

export const notInstalled = (program: string, debianPackage: string): string => `there is no ${program} here (Debian: apt-get install ${debianPackage})`;
