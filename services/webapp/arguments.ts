/** Arguments of a method: one table per method says what it takes; what the table does not name is ignored, as documented. */
import { nestedTooDeep } from "../protocol/nesting.ts";
import { ApiError, invalidArguments, type ApiErrorCode } from "./errors.ts";

interface Common {
  /** documented error for a value that is not valid; default `invalid_arguments` naming the argument */
  readonly error?: ApiErrorCode;
}
type Text = Common & { readonly kind: "text"; readonly maxChars?: number; readonly error?: ApiErrorCode };
type Int = Common & { readonly kind: "int"; readonly min: number; readonly max: number };
type Bool = { readonly kind: "bool" };
/** `seconds.micros`, read with all of its six decimals */
type Ts = Common & { readonly kind: "ts" };
/** comma-separated, or a JSON array of strings */
type List = Common & { readonly kind: "list"; readonly maxItems: number };
/** a JSON array, given as JSON or as a string holding JSON */
type ArrayOf = Common & { readonly kind: "array" };
/** a JSON object, given as JSON or as a string holding JSON */
type ObjectOf = Common & { readonly kind: "object" };

type Kind = Text | Int | Bool | Ts | List | ArrayOf | ObjectOf;
export type Argument = Kind & { readonly required?: true; readonly default?: string | number | boolean };
export type Arguments = Readonly<Record<string, Argument>>;

type Base<A extends Argument> = A extends { kind: "int" }
  ? number
  : A extends { kind: "bool" }
    ? boolean
    : A extends { kind: "list" }
      ? readonly string[]
      : A extends { kind: "array" }
        ? readonly unknown[]
        : A extends { kind: "object" }
          ? Readonly<Record<string, unknown>>
          : string;
type ValueOf<A extends Argument> = A extends { required: true } | { default: unknown } ? Base<A> : Base<A> | undefined;
export type Values<T extends Arguments> = { readonly [K in keyof T]: ValueOf<T[K]> };

const timestamp = /^\d{1,10}(\.\d{1,6})?$/;

/**
 * Reads `given` by `table`.
 * @throws ApiError `invalid_arguments` (naming every missing argument) or the argument's own error
 */
export function readArguments<T extends Arguments>(table: T, given: Readonly<Record<string, unknown>>): Values<T> {
  const values: Record<string, unknown> = {};
  const missing: string[] = [];
  for (const [name, argument] of Object.entries(table)) {
    const raw = Object.hasOwn(given, name) ? given[name] : undefined;
    // An empty value is what form clients send for "not set".
    if (raw === undefined || raw === null || raw === "") {
      if (argument.required === true) missing.push(name);
      values[name] = argument.default;
    } else values[name] = read(name, argument, raw);
  }
  if (missing.length > 0) throw invalidArguments(...missing.map((name) => `missing required field: ${name}`));
  return values as Values<T>;
}

function read(name: string, argument: Argument, raw: unknown): unknown {
  const refuse = (what: string): ApiError => ("error" in argument && argument.error !== undefined ? new ApiError(argument.error) : invalidArguments(`${name} ${what}`));
  switch (argument.kind) {
    case "text": {
      const text = scalar(raw);
      if (text === undefined) throw refuse("must be a string");
      if (text.length > (argument.maxChars ?? 1_000)) throw refuse(`is longer than ${argument.maxChars ?? 1_000} characters`);
      return text;
    }
    case "int": {
      const number = Number(scalar(raw)?.trim() || NaN);
      if (!Number.isInteger(number) || number < argument.min || number > argument.max) throw refuse(`must be a whole number from ${argument.min} to ${argument.max}`);
      return number;
    }
    case "bool": {
      const text = scalar(raw)?.toLowerCase();
      if (text === "true" || text === "1") return true;
      if (text === "false" || text === "0") return false;
      throw refuse("must be true or false");
    }
    case "ts": {
      const text = scalar(raw);
      if (text === undefined || !timestamp.test(text)) throw refuse("must be a timestamp, seconds.micros");
      return fullTs(text);
    }
    case "list": {
      const list = raw instanceof Array ? raw : scalar(raw)?.split(",").map((item) => item.trim());
      const clean = list?.filter((item): item is string => typeof item === "string" && item !== "");
      if (clean === undefined || list!.some((item) => typeof item !== "string")) throw refuse("must be a comma-separated list");
      if (clean.length > argument.maxItems) throw refuse(`holds more than ${argument.maxItems} items`);
      return clean;
    }
    case "array": {
      const value = typeof raw === "string" ? parse(raw) : raw;
      if (!(value instanceof Array)) throw refuse("must be a JSON array");
      return value;
    }
    case "object": {
      const value = typeof raw === "string" ? parse(raw) : raw;
      if (typeof value !== "object" || value === null || value instanceof Array) throw refuse("must be a JSON object");
      return value;
    }
  }
}

/** A ts with all of its six decimals: what a client shortened (JSON numbers lose zeros) is found again. */
function fullTs(text: string): string {
  const [seconds, micros = ""] = text.split(".") as [string, string?];
  return `${seconds}.${micros.padEnd(6, "0")}`;
}

function scalar(raw: unknown): string | undefined {
  if (typeof raw === "string") return raw;
  return typeof raw === "number" || typeof raw === "boolean" ? String(raw) : undefined;
}

function parse(text: string): unknown {
  if (nestedTooDeep(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
