#!/usr/bin/env node
/** The CLI `ringway`: one verb per service, `dev` for all of them at once, and the operator's verbs. Alone knows every service. */
import * as channelConfig from "./channel/config.ts";
import * as charmConfig from "./charm/config.ts";
import { checkVerb } from "./cli/check.ts";
import { checkDelivery } from "./cli/check-delivery.ts";
import { dev } from "./cli/dev.ts";
import { envoyConfigVerb } from "./cli/envoy-config.ts";
import { completionVerb } from "./cli/completion.ts";
import { complain } from "./cli/output.ts";
import { ring } from "./cli/ring.ts";
import { onStore, serviceVerb } from "./cli/service.ts";
import { status } from "./cli/status.ts";
import { store } from "./cli/store.ts";
import { send, tail } from "./cli/talk.ts";
import { token } from "./cli/token.ts";
import { top } from "./cli/top.ts";
import type { Verb } from "./cli/verb.ts";
import * as consoleConfig from "./console/config.ts";
import * as gatewayConfig from "./gateway/config.ts";
import * as launchConfig from "./launch/config.ts";
import * as presenceConfig from "./presence/config.ts";
import { describeFlags, UsageError } from "./runtime/flags.ts";
import { StoreUnavailable } from "./store/log.ts";
import * as webappConfig from "./webapp/config.ts";

/** A service is imported when it is run: `ringway ring owner` should not load a store engine. */
const ownVerbs: Readonly<Record<string, Verb>> = {
  dev,
  // charm works hardest just when slots move, and no message goes through it; its registry needs little, but that it needs: so not more than 5.
  charm: serviceVerb("charm", { ...charmConfig, summary: "ring manager, with the embedded registry", niceness: 5, start: async (config, log) => (await import("./charm/server.ts")).start(config, log) }),
  channel: serviceVerb("channel", { ...channelConfig, summary: "channel server: order, history, fan-out to gateways", start: onStore(async (config, log) => (await import("./channel/server.ts")).start(config, log)) }),
  gateway: serviceVerb("gateway", { ...gatewayConfig, summary: "gateway: client sockets, subscriptions, fan-out to clients", start: async (config, log) => (await import("./gateway/server.ts")).start(config, log) }),
  presence: serviceVerb("presence", { ...presenceConfig, summary: "presence server: who is online, who watches whom", start: async (config, log) => (await import("./presence/server.ts")).start(config, log) }),
  webapp: serviceVerb("webapp", { ...webappConfig, summary: "webapp: tokens, Web API, membership", start: onStore(async (config, log) => (await import("./webapp/server.ts")).start(config, log)) }),
  // Looking must not slow what is looked at.
  console: serviceVerb("console", { ...consoleConfig, niceness: 5, summary: "the operator's console: the ring, its servers and what charm decides, in a browser", start: async (config, log) => (await import("./console/server.ts")).start(config, log) }),
  "envoy-config": envoyConfigVerb,
  status,
  top,
  ring,
  send,
  tail,
  check: checkVerb({ dev: launchConfig.readConfig, charm: charmConfig.readConfig, channel: channelConfig.readConfig, gateway: gatewayConfig.readConfig, presence: presenceConfig.readConfig, webapp: webappConfig.readConfig, console: consoleConfig.readConfig }),
  "check-delivery": checkDelivery,
  token,
  store,
};
const verbs = { ...ownVerbs, completion: completionVerb(ownVerbs) };

function overview(): string {
  const width = Math.max(...Object.keys(verbs).map((name) => name.length));
  const rows = Object.entries(verbs).map(([name, verb]) => `  ${name.padEnd(width)}  ${verb.summary}`);
  return ["usage: ringway <verb> [flags]    (ringway <verb> --help shows a verb's flags)", "", ...rows, "", "exit codes: 0 done; 1 could not start, broke, or has no store; 2 refused: what was asked is wrong, or nobody answers (one line on stderr says which)", ""].join("\n");
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "help") {
    process.stdout.write(overview());
    return name === undefined ? 2 : 0;
  }
  const verb: Verb | undefined = Object.hasOwn(verbs, name) ? verbs[name as keyof typeof verbs] : undefined;
  if (verb === undefined) throw new UsageError(`'${name}' is not a verb; ringway --help lists them`);
  if (rest.includes("--help")) {
    process.stdout.write(`usage: ringway ${[name, verb.usage, "[flags]"].filter((word) => word !== undefined).join(" ")}\n${verb.summary}\n\n${describeFlags(verb.flags)}\n`);
    return 0;
  }
  return verb.run(rest);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError || error instanceof StoreUnavailable)) throw error;
  complain(error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
