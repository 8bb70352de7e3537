/** `ringway token …`: issues, lists and revokes the tokens of the Web API. They are stored hashed; a token is shown once. */
import { openDirectory } from "../store/open.ts";
import type { Directory } from "../store/directory.ts";
import { storeFlags } from "../runtime/common-flags.ts";
import { parseFlags, UsageError, type Flags } from "../runtime/flags.ts";
import { issueToken, revokeToken } from "../webapp/tokens.ts";
import type { Verb } from "./verb.ts";

const flags = {
  data: { ...storeFlags.data, default: ".ringway/store" },
  user: { type: "string", default: "", help: "create: name of the user, who is created where absent", matches: /^([a-z0-9][a-z0-9._-]{0,63})?$/ },
  bot: { type: "boolean", help: "create: a bot user's token (xoxb-)" },
  label: { type: "string", default: "", help: "create: what the token is for", matches: /^.{0,100}$/ },
} as const satisfies Flags;

type Options = ReturnType<typeof parseFlags<typeof flags>>;

const verbs: Record<string, (directory: Directory, options: Options, arg: string | undefined) => Promise<readonly string[]>> = {
  async create(directory, options) {
    if (options.user === "") throw new UsageError("token create needs --user");
    return [await issueToken(directory, { name: options.user, bot: options.bot, label: options.label })];
  },
  async list(directory) {
    const tokens = await directory.tokens();
    return tokens.map((token) => `${token.hash.slice(0, 16)}  ${token.user}  ${new Date(token.createdAt).toISOString()}  ${token.label}`);
  },
  async revoke(directory, _options, which) {
    if (which === undefined) throw new UsageError("usage: ringway token revoke <token or the start of its hash>");
    const revoked = await revokeToken(directory, which);
    if (revoked === 0) throw new UsageError("no such token");
    return [`revoked ${revoked}`];
  },
};

export const token: Verb = {
  summary: "create --user <name> [--bot] | list | revoke <token or hash>",
  usage: "create|list|revoke …",
  flags,
  async run(argv) {
    const options = parseFlags(flags, argv, 2);
    const [verb, arg] = options._;
    const run = verbs[verb ?? ""];
    if (run === undefined) throw new UsageError(`'token ${verb ?? ""}' is not known: one of ${Object.keys(verbs).join(", ")}`);
    const directory = await openDirectory("lmdb", options.data);
    try {
      for (const line of await run(directory, options, arg)) process.stdout.write(`${line}\n`);
    } finally {
      await directory.close();
    }
    return 0;
  },
};
