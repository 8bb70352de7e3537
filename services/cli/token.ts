/** `ringway token …`: issues, lists and revokes the tokens of the Web API. They are stored hashed; a token is shown once. */
import type { Directory } from "../store/directory.ts";
import { storeFlags } from "../runtime/common-flags.ts";
import { systemClock } from "../runtime/clock.ts";
import { parseFlags, UsageError, type Flags } from "../runtime/flags.ts";
import { hashToken, issueToken, revokeToken, TokenError } from "../webapp/tokens.ts";
import type { Verb } from "./verb.ts";

const flags = {
  store: storeFlags.store,
  data: storeFlags.data,
  user: { type: "string", default: "", help: "create: name of the user, who is created where absent", matches: /^([a-z0-9][a-z0-9._-]{0,20})?$/ },
  bot: { type: "boolean", help: "create: a bot user's token (xoxb-)" },
  label: { type: "string", default: "", help: "create: what the token is for", matches: /^.{0,100}$/ },
} as const satisfies Flags;

type Options = ReturnType<typeof parseFlags<typeof flags>>;

const verbs: Record<string, (directory: Directory, options: Options, arg: string | undefined) => Promise<readonly string[]>> = {
  async create(directory, options) {
    if (options.user === "") throw new UsageError("token create needs --user");
    const request = { name: options.user, label: options.label, ...(options.bot ? { bot: true } : {}) };
    return [(await issueToken(directory, request, systemClock.now())).token];
  },
  async list(directory) {
    const tokens = await directory.tokens();
    return tokens.map((token) => `${token.hash.slice(0, 16)}  ${token.user}  ${new Date(token.createdAt).toISOString()}  ${token.label}`);
  },
  async revoke(directory, _options, which) {
    if (which === undefined) throw new UsageError("usage: ringway token revoke <token or the start of its hash>");
    const known = await directory.tokens();
    const hashes = which.startsWith("xox") ? [hashToken(which)] : known.map((token) => token.hash).filter((hash) => hash.startsWith(which));
    if (hashes.length > 1) throw new UsageError(`${hashes.length} tokens' hashes start with '${which}': name more of it`);
    const [hash] = hashes;
    if (hash === undefined || !(await revokeToken(directory, hash))) throw new UsageError("no such token");
    return ["revoked"];
  },
};

export const token: Verb = {
  summary: "create --user <name> [--bot] | list | revoke <token or hash>",
  usage: "create|list|revoke …",
  flags,
  async run(argv) {
    const options = parseFlags(flags, argv, 2);
    const [verb, arg] = options._;
    const run = Object.hasOwn(verbs, verb ?? "") ? verbs[verb!] : undefined;
    if (run === undefined) throw new UsageError(`${verb === undefined ? "token needs a verb" : `'token ${verb}' is not known`}: one of ${Object.keys(verbs).join(", ")}`);
    if (options.store === "memory") throw new UsageError("--store memory keeps no tokens");
    // Engines are loaded when they are needed.
    const { openDirectory } = await import("../store/open.ts");
    let directory: Directory | undefined;
    try {
      directory = openDirectory({ ...options, storeConnections: 1 });
      for (const line of await run(directory, options, arg)) process.stdout.write(`${line}\n`);
    } catch (error) {
      throw error instanceof TokenError ? new UsageError(error.message) : error;
    } finally {
      await directory?.close();
    }
    return 0;
  },
};
