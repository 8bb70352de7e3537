import type { Directory, User } from "../store/directory.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Arguments, Values } from "./arguments.ts";
import type { Membership } from "./membership.ts";
import type { Mesh } from "./mesh.ts";
import type { Tickets } from "./tickets.ts";

export interface Team {
  readonly id: string;
  readonly name: string;
  readonly domain: string;
}

/** What the methods of the Web API work with. */
export interface House {
  readonly directory: Directory;
  readonly mesh: Mesh;
  readonly membership: Membership;
  readonly tickets: Tickets;
  readonly team: Team;
  readonly clock: Clock;
}

/** One call's surroundings. */
export interface Context extends House {
  /** who calls */
  readonly user: User;
  /** `http` or `ws` as the client sees them: scheme and host of this very request */
  readonly origin: { readonly secure: boolean; readonly host: string };
  /** all arguments as they came, for `api.test` alone */
  readonly given: Readonly<Record<string, unknown>>;
}

/** The fields of a successful answer beside `ok`. */
export type Result = Readonly<Record<string, unknown>>;

export interface Method {
  readonly args: Arguments;
  /** false: served without a token */
  readonly auth: boolean;
  readonly run: (context: Context, args: never) => Promise<Result> | Result;
}

/** A row of a family's table; `run` gets its arguments typed by `args`. */
export function method<const T extends Arguments>(args: T, run: (context: Context, args: Values<T>) => Promise<Result> | Result): Method {
  return { args, auth: true, run };
}

/** A row that needs no token. Its context has no user. */
export function openMethod<const T extends Arguments>(args: T, run: (context: Omit<Context, "user">, args: Values<T>) => Promise<Result> | Result): Method {
  return { args, auth: false, run };
}

export type Methods = Readonly<Record<string, Method>>;
