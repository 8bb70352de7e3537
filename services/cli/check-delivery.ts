/** `ringway check-delivery`: shows, on any plane, that nothing acked is lost, doubled or reordered. */
import { readLog, writeLog } from "../delivery/log-file.ts";
import { lines, summary, verdictOf } from "../delivery/report.ts";
import { Timeline, type Stalls } from "../delivery/stalls.ts";
import { verify, type Verdict } from "../delivery/verify.ts";
import type { Plan } from "../delivery/happened.ts";
import { parseFlags, UsageError, type Flags } from "../runtime/flags.ts";
import { devTokens } from "../webapp/dev.ts";
import { complain } from "./output.ts";
import { progress } from "./progress.ts";
import type { Verb } from "./verb.ts";

const flags = {
  api: { type: "string", default: "http://127.0.0.1:8080", env: "RINGWAY_API", help: "the plane's edge, as its clients reach it", matches: /^https?:\/\/[^/?#\s]+\/?$/ },
  tokens: { type: "string", default: "", env: "RINGWAY_TOKENS", secret: true, help: "tokens of at least one user, with commas; empty = the demo tokens", matches: /^([^\s,]+(,[^\s,]+){0,99})?$/ },
  writers: { type: "number", default: 4, min: 1, max: 1_000, help: "who sends; every second one over a socket, the others by the Web API" },
  readers: { type: "number", default: 8, min: 1, max: 1_000, help: "who listens, each to every channel" },
  channels: { type: "number", default: 12, min: 1, max: 1_000, help: "channels, made for this run; they stay" },
  rate: { type: "number", default: 10, min: 1, max: 1_000, help: "messages per second of each writer" },
  seconds: { type: "number", default: 20, min: 1, max: 86_400, help: "how long messages are sent; Ctrl-C ends it earlier" },
  "patience-seconds": { type: "number", default: 60, min: 1, max: 3_600, help: "a message is sent again for so long, then given up" },
  "settle-seconds": { type: "number", default: 30, min: 1, max: 3_600, help: "how long readers may take to have everything, and history to be read" },
  seed: { type: "number", default: 1, min: 0, max: 4_294_967_295, help: "which message goes where follows from it" },
  "allow-gaps": { type: "boolean", help: "an x_gap is no fault where history has what it left out" },
  log: { type: "string", default: "", help: "write all that happened to this file, one JSON object a line" },
  replay: { type: "string", default: "", help: "instead of a run: judge a file that --log wrote" },
  json: { type: "boolean", help: "print JSON" },
} as const satisfies Flags;

/** How often somebody who looks is told how far it is. */
const passingMs = 200;

type Options = ReturnType<typeof parseFlags<typeof flags>>;

/** The exit codes of this verb. */
const exitCodes = { kept: 0, broken: 1, "nothing proven": 3 } as const;

export const checkDelivery: Verb = {
  summary: "show on a running plane that nothing acked is lost, doubled or reordered; exit 0 kept, 1 broken, 2 cannot begin, 3 nothing proven",
  flags,
  async run(argv) {
    const options = parseFlags(flags, argv);
    if (options.replay !== "" && options.log !== "") throw new UsageError("--replay judges a log and --log writes one: give one of them");
    return options.replay === "" ? live(options) : replay(options);
  },
};

async function live(options: Options): Promise<number> {
  const plan: Plan = {
    api: options.api.replace(/\/$/, ""),
    tokens: options.tokens === "" ? Object.keys(devTokens) : options.tokens.split(","),
    channels: options.channels,
    writers: options.writers,
    readers: options.readers,
    rate: options.rate,
    seed: options.seed,
    patienceMs: options.patienceSeconds * 1_000,
    settleMs: options.settleSeconds * 1_000,
  };
  // Before the run, not after it: a file that can't be written would cost the whole log.
  if (options.log !== "") await writeLog(options.log, plan, [], new Map()).catch((error: NodeJS.ErrnoException) => Promise.reject(new UsageError(`--log ${options.log} cannot be written (${error.code})`)));
  const { CheckError, DeliveryRun } = await import("../delivery/run.ts");
  const run = new DeliveryRun(plan);
  try {
    await run.start();
  } catch (error) {
    throw error instanceof CheckError ? new UsageError(error.message) : error;
  }
  const beganAt = performance.now();
  const bar = progress("sending");
  await interruptible(options.seconds * 1_000, (share) => bar.at(share, `${run.happened.length} things happened`));
  const seconds = (performance.now() - beganAt) / 1_000;
  bar.end();
  let verdict;
  try {
    verdict = await run.stop(options.allowGaps);
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    complain(error);
    return exitCodes["nothing proven"];
  } finally {
    if (options.log !== "") await writeLog(options.log, plan, run.happened, run.history);
  }
  return tell(options, plan, verdict, seconds);
}

async function replay(options: Options): Promise<number> {
  const { plan, happened, history } = await readLog(options.replay).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--replay ${options.replay} cannot be read (${error.code ?? error.message})`);
  });
  const [from, to] = [happened[0]?.at ?? 0, happened.at(-1)?.at ?? 0];
  const verdict = { ...verify(happened, history, { readers: plan.readers, allowGaps: options.allowGaps }), ...new Timeline(happened, plan.readers).between(from, Infinity) };
  return tell(options, { ...plan, tokens: [] }, verdict, (to - from) / 1_000);
}

function tell(options: Options, plan: Plan, verdict: Verdict & Stalls, seconds: number): number {
  process.stdout.write(options.json ? `${JSON.stringify(summary(plan, verdict, seconds))}\n` : `${lines(plan, verdict, seconds).join("\n")}\n`);
  return exitCodes[verdictOf(verdict)];
}

/** Resolves after this time, or when a person wants the run to end. @param passing told now and then which share of it is over */
function interruptible(ms: number, passing: (share: number) => void): Promise<void> {
  return new Promise((resolve) => {
    const from = performance.now();
    const passes = setInterval(() => passing((performance.now() - from) / ms), passingMs);
    const done = (): void => {
      clearTimeout(timer);
      clearInterval(passes);
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.removeListener(signal, done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, done);
  });
}
