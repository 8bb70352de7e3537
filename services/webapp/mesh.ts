/** webapp's side of the mesh listener (protocol/mesh.ts): publishing and reading at the channel's owner, presence. */
import type { ChannelInfo, History, Message, PresenceInfo, Publish, Published } from "../protocol/mesh.ts";
import type { Problem, Reason } from "../protocol/problems.ts";
import type { Clock } from "../runtime/clock.ts";
import { ask, type Answer, type Ask } from "../runtime/request.ts";
import { currentTrace } from "../runtime/tracing.ts";
import { ApiError, invalidArguments, serviceUnavailable, type ApiErrorCode } from "./errors.ts";

/** How long a call is tried again before the client is told `service_unavailable`. */
const patienceMs = 5_000;
/** Between tries: 20, 40, 80 … ms. */
const backOffMs = { least: 20, most: 250 };

/** Refusals of the mesh that are the caller's business. Everything else that is no answer becomes `service_unavailable`. */
const refusals: Partial<Record<Reason, ApiErrorCode>> = {
  message_not_found: "message_not_found",
  cant_update_message: "cant_update_message",
  already_reacted: "already_reacted",
  no_reaction: "no_reaction",
  too_many_reactions: "too_many_reactions",
  msg_too_long: "msg_too_long",
  body_too_large: "msg_too_long",
  rate_limited: "ratelimited",
};

export interface HistoryPage {
  readonly latest: string;
  readonly oldest: string;
  readonly inclusive: boolean;
  readonly limit: number;
}

/** @remarks Every call may throw ApiError `service_unavailable`, or another that the refusal stands for. */
export interface Mesh {
  /** Safe to repeat with the same key; it is repeated here while no server takes it. */
  publish(channel: string, publish: Publish): Promise<Published>;
  history(channel: string, page: HistoryPage): Promise<History>;
  message(channel: string, ts: string): Promise<Message>;
  info(channel: string): Promise<ChannelInfo>;
  presence(user: string): Promise<PresenceInfo>;
  /** @param at version of the choice, `Choice.at` */
  setPresence(user: string, presence: "auto" | "away", at: number): Promise<PresenceInfo>;
}

/** @param url the mesh listener, e.g. `http://127.0.0.1:8081` */
export function connectMesh(url: string, clock: Clock): Mesh {
  const call = (path: string, options: Ask = {}): Promise<unknown> => insist(`${url}${path}`, options, clock);
  return {
    publish: async (channel, publish) => (await call(`/v1/channels/${channel}/messages`, { method: "POST", body: publish })) as Published,
    history: async (channel, { latest, oldest, inclusive, limit }) => {
      const query = new URLSearchParams({ limit: String(limit), inclusive: String(inclusive), ...(latest === "" ? {} : { latest }), ...(oldest === "" ? {} : { oldest }) });
      return (await call(`/v1/channels/${channel}/messages?${query}`)) as History;
    },
    message: async (channel, ts) => (await call(`/v1/channels/${channel}/messages/${ts}`)) as Message,
    info: async (channel) => (await call(`/v1/channels/${channel}`)) as ChannelInfo,
    presence: async (user) => (await call(`/v1/presence/users/${user}`)) as PresenceInfo,
    setPresence: async (user, presence, at) => (await call(`/v1/presence/users/${user}`, { method: "PUT", body: { presence, at } })) as PresenceInfo,
  };
}

/** Asks until there is an answer that is not "nobody could take it", at most `patienceMs`. */
async function insist(url: string, options: Ask, clock: Clock): Promise<unknown> {
  const deadline = clock.now() + patienceMs;
  let reason: Reason | undefined;
  for (let wait = backOffMs.least; ; wait = Math.min(wait * 2, backOffMs.most)) {
    const left = deadline - clock.now();
    if (left <= 0) throw serviceUnavailable(reason);
    const trace = currentTrace();
    const answer = await ask(url, { ...options, ...(trace === "" ? {} : { headers: { traceparent: trace } }), timeoutMs: left }).catch(() => undefined);
    if (answer !== undefined && !mayPass(answer.status)) return settled(answer);
    const said = (answer?.json as Partial<Problem> | undefined)?.reason;
    if (said !== "misdirected") reason = said ?? reason; // that somebody else is owner says nothing of what is missing
    await clock.sleep(wait);
  }
}

/** No server took the call, but one may soon: ownership moves (421), starting or stopping (503), cut off behind Envoy (502, 504). */
function mayPass(status: number): boolean {
  return status === 421 || status === 502 || status === 503 || status === 504;
}

function settled(answer: Answer): unknown {
  if (answer.status >= 200 && answer.status < 300 && answer.json !== undefined) return answer.json;
  const problem = answer.json as Partial<Problem> | undefined;
  const code = problem?.reason === undefined ? undefined : refusals[problem.reason];
  if (code !== undefined) throw new ApiError(code, {}, retryAfterMs(answer));
  if (problem?.reason === "bad_request") throw invalidArguments(problem.detail ?? "not valid");
  throw new Error(`the mesh answered ${answer.status} ${problem?.reason ?? ""} ${problem?.detail ?? ""}`);
}

/** What the answer says by `Retry-After`; a second where it says nothing. */
function retryAfterMs({ headers }: Answer): number {
  const seconds = Number(headers["retry-after"]);
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds * 1_000 : 1_000;
}
