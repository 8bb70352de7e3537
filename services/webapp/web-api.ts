/** One call of the Web API from its bytes to its answer; knows no HTTP server. */
import type { Log } from "../runtime/log.ts";
import { Times } from "../runtime/times.ts";
import type { TraceMarks } from "../runtime/trace.ts";
import { StoreUnavailable } from "../store/log.ts";
import type { User } from "../store/directory.ts";
import { methods } from "./api/table.ts";
import { readArguments } from "./arguments.ts";
import { readCall, type Incoming } from "./call.ts";
import { ApiError, serviceUnavailable, type ApiErrorCode } from "./errors.ts";
import type { Context, House } from "./method.ts";
import type { RateLimits } from "./rate-limits.ts";
import { hashToken } from "./tokens.ts";

/** Told in `x-oauth-scopes` (some clients insist on it). Ringway has no scopes: every token may call every method. */
const scopes = "identify,channels:history,channels:read,channels:write,chat:write,groups:history,groups:read,im:history,im:read,reactions:write,rtm:stream,team:read,users:read,users:write";

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface ApiRequest extends Incoming {
  /** `chat.postMessage` */
  readonly method: string;
  readonly origin: Context["origin"];
  /** for a log line, should there be one */
  readonly marks?: () => TraceMarks;
}

export interface WebApi {
  /** Never rejects. */
  call(request: ApiRequest): Promise<ApiAnswer>;
  /** calls so far, and refusals by code */
  readonly counters: { calls: number; readonly refused: Partial<Record<ApiErrorCode, number>> };
  /** from a call until its answer */
  readonly times: Times;
}

/** @param devTokens hash → user ID of tokens that live in this process only (`--dev`) */
export function createWebApi(house: House, devTokens: ReadonlyMap<string, string>, rates: RateLimits, log: Log): WebApi {
  const counters: WebApi["counters"] = { calls: 0, refused: {} };
  const times = new Times();

  const authenticate = async (token: string | undefined): Promise<User> => {
    if (token === undefined) throw new ApiError("not_authed");
    const hash = hashToken(token);
    const id = devTokens.get(hash) ?? (await house.directory.tokenByHash(hash))?.user;
    const user = id === undefined ? undefined : await house.directory.user(id);
    if (user === undefined) throw new ApiError("invalid_auth");
    return user;
  };

  const carryOut = async (request: ApiRequest): Promise<ApiAnswer> => {
    const method = Object.hasOwn(methods, request.method) ? methods[request.method] : undefined;
    if (method === undefined) throw new ApiError("unknown_method", { req_method: request.method.slice(0, 100) });
    const { token, args: given } = readCall(request);
    const user = method.auth ? await authenticate(token) : undefined;
    if (user !== undefined) rates.admit(user.id, request.method);
    const context = { ...house, user, origin: request.origin, given } as Context;
    const result = await method.run(context, readArguments(method.args, given) as never);
    return { status: 200, headers: user === undefined ? {} : { "x-oauth-scopes": scopes }, body: { ok: true, ...result } };
  };

  const refuse = (error: unknown, request: ApiRequest): ApiAnswer => {
    const known = error instanceof ApiError ? error : error instanceof StoreUnavailable ? serviceUnavailable("store_unavailable") : new ApiError("internal_error");
    if (error !== known) log.error({ err: error, method: request.method, ...request.marks?.() }, "call failed");
    return refusal(known);
  };

  return {
    counters,
    times,
    async call(request) {
      counters.calls += 1;
      const from = performance.now();
      try {
        return await carryOut(request);
      } catch (error) {
        const answer = refuse(error, request);
        const code = answer.body["error"] as ApiErrorCode;
        counters.refused[code] = (counters.refused[code] ?? 0) + 1;
        return answer;
      } finally {
        times.observe(performance.now() - from);
      }
    },
  };
}

/** The answer that carries an error. */
export function refusal({ code, extra, retryAfterMs }: ApiError): ApiAnswer {
  const again = code === "ratelimited" || code === "service_unavailable";
  return { status: code === "ratelimited" ? 429 : 200, headers: again ? { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) } : {}, body: { ok: false, error: code, ...extra } };
}
