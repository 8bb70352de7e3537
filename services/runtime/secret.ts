import { readFileSync, statSync } from "node:fs";

/** How old what `current` says may be, ms. */
const lookEveryMs = 1_000;

/**
 * A secret that may be changed while the process runs, where it stands in a file. The file is looked at when the secret is used, at most once a second, by its
 * number, size and times: a link that is swapped, as container platforms do it, is seen as well as a file that is written anew.
 */
export class Secret {
  /** where it stands; undefined = it was given by itself, and stays */
  readonly file: string | undefined;
  readonly #matches: RegExp;
  #value: string;
  #mark = "";
  #lookedAt = 0;

  private constructor(value: string, file?: string, matches: RegExp = /^/) {
    this.#value = value;
    this.file = file;
    this.#matches = matches;
  }

  static given(value: string): Secret {
    return new Secret(value);
  }

  /** @param matches what a later one must look like; the first one is its reader's to check @throws Error with a `code` where the file can't be read */
  static inFile(file: string, matches?: RegExp): Secret {
    const mark = markOf(file);
    const secret = new Secret(textOf(file), file, matches);
    secret.#mark = mark;
    secret.#lookedAt = performance.now();
    return secret;
  }

  /** At most a second old. A file that is away, empty or of another shape leaves the last one; the process warns of it once. */
  current(): string {
    if (this.file !== undefined && performance.now() - this.#lookedAt >= lookEveryMs) this.#look(this.file);
    return this.#value;
  }

  /** For a process that is started with it: its variable, or the one that names the file. */
  environment(variable: string): Readonly<Record<string, string>> {
    if (this.file !== undefined) return { [`${variable}_FILE`]: this.file };
    return this.#value === "" ? {} : { [variable]: this.#value };
  }

  #look(file: string): void {
    this.#lookedAt = performance.now();
    try {
      const mark = markOf(file);
      if (mark === this.#mark) return;
      const text = textOf(file);
      this.#mark = mark;
      if (text !== "" && this.#matches.test(text)) this.#value = text;
      else process.emitWarning(`${file}: what it says now is not valid; the secret stays as it was`);
    } catch (error) {
      if (this.#mark === "away") return;
      this.#mark = "away";
      process.emitWarning(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}); the secret stays as it was`);
    }
  }
}

/** Another one where the file, or what a link on the way leads to, is another. */
export function markOf(file: string): string {
  const { ino, size, mtimeMs, ctimeMs } = statSync(file);
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

/** Without the line's end. */
function textOf(file: string): string {
  return readFileSync(file, "utf8").trim();
}
