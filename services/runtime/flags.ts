import { parseArgs } from "node:util";
import { Secret } from "./secret.ts";

/** A mistake of the person at the command line: printed as one line on stderr, exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/**
 * One long flag. Numbers name their unit in the flag (`--ttl-ms`) and their range here. `env` is read where the flag is absent. What is `secret` is
 * never shown, and where it is not given and its variable is absent or empty, the variable with `_FILE` behind it names a file that holds it, as container platforms mount them.
 * One that `rotates` is handed over as a Secret, which may be read again and again.
 */
export type Flag =
  | { readonly type: "string"; readonly default?: string; readonly help: string; readonly env?: string; readonly oneOf?: readonly string[]; readonly matches?: RegExp; readonly secret?: boolean; readonly rotates?: boolean }
  | { readonly type: "number"; readonly default?: number; readonly help: string; readonly env?: string; readonly min: number; readonly max: number }
  | { readonly type: "boolean"; readonly help: string };
export type Flags = Readonly<Record<string, Flag>>;

type Camel<S extends string> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;
type ValueOf<F extends Flag> = F extends { type: "number" } ? number : F extends { type: "boolean" } ? boolean : F extends { rotates: true } ? Secret : string;
export type Parsed<F extends Flags> = { -readonly [K in keyof F & string as Camel<K>]: ValueOf<F[K]> };

/**
 * Reads `argv` by the table `flags` (names in kebab-case; result keys in camelCase). A flag with neither default nor
 * value is required.
 * @param extra how many positional arguments are allowed (returned as `_`)
 * @throws UsageError that names the flag
 */
export function parseFlags<const F extends Flags>(flags: F, argv: readonly string[], extra = 0): Parsed<F> & { _: string[] } {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [name, { type: flag.type === "boolean" ? ("boolean" as const) : ("string" as const) }]),
  );
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: extra > 0, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message.split(". ")[0]!);
  }
  if (parsed.positionals.length > extra) throw new UsageError(`unexpected argument '${parsed.positionals[extra]}'`);
  const result: Record<string, unknown> = { _: parsed.positionals };
  for (const [name, flag] of Object.entries(flags)) {
    result[name.replace(/-(.)/g, (_, c: string) => c.toUpperCase())] = valueOf(name, flag, parsed.values[name]);
  }
  return result as Parsed<F> & { _: string[] };
}

function valueOf(name: string, flag: Flag, given: unknown): unknown {
  if (flag.type === "boolean") return given === true;
  const own = (given as string | undefined) ?? (flag.env === undefined ? undefined : process.env[flag.env]);
  // An empty variable, as a template leaves it, hides no file; an empty flag was meant.
  const mayBeFiled = own === undefined || (own === "" && given === undefined);
  const filed = mayBeFiled && "secret" in flag && flag.secret === true ? secretInFile(`${flag.env}_FILE`, flag.matches) : undefined;
  const raw = filed?.current() ?? own ?? flag.default;
  if (raw === undefined) throw new UsageError(`--${name} is required: ${flag.help}`);
  if (flag.type === "string") {
    const text = String(raw);
    if (flag.oneOf !== undefined && !flag.oneOf.includes(text)) throw new UsageError(`--${name} must be one of ${flag.oneOf.join(", ")}, not '${text}'`);
    if (flag.matches !== undefined && !flag.matches.test(text)) throw new UsageError(`--${name}: ${flag.secret === true ? "what it says" : `'${text}'`} is not valid: ${flag.help}`);
    if (flag.rotates === true) return filed ?? Secret.given(text);
    return text;
  }
  const value = typeof raw === "number" ? raw : raw.trim() === "" ? NaN : Number(raw);
  if (!Number.isInteger(value) || value < flag.min || value > flag.max) {
    throw new UsageError(`--${name} must be a whole number from ${flag.min} to ${flag.max}, not '${raw}'`);
  }
  return value;
}

/**
 * @param variable names the file; no variable, or an empty one, is no secret
 * @throws UsageError that names the variable
 */
function secretInFile(variable: string, matches?: RegExp): Secret | undefined {
  const path = process.env[variable];
  if (path === undefined || path === "") return undefined;
  try {
    return Secret.inFile(path, matches);
  } catch (error) {
    throw new UsageError(`$${variable}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** The lines of `--help` for a table of flags. */
export function describeFlags(flags: Flags): string {
  const rows = Object.entries(flags).map(([name, flag]) => {
    const left = flag.type === "boolean" ? `--${name}` : `--${name} ${flag.type === "number" ? "N" : flag.oneOf?.join("|") ?? "TEXT"}`;
    const notes: string[] = [];
    if (flag.type === "number") notes.push(`${flag.min}..${flag.max}`);
    if (flag.type !== "boolean" && flag.default !== undefined && flag.default !== "") notes.push(`default ${flag.default}`);
    if (flag.type !== "boolean" && flag.env !== undefined) notes.push(`or $${flag.env}${"secret" in flag && flag.secret === true ? `, or a file that $${flag.env}_FILE names` : ""}`);
    return [left, flag.help + (notes.length > 0 ? ` (${notes.join("; ")})` : "")] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
