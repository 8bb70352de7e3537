/** A stand-in for the mesh listener (and the registry) that speaks the contract of protocol/mesh.ts, keeping all in memory. */
import { limits } from "../../services/protocol/limits.ts";
import type { Control, History, Message, Publish, Published } from "../../services/protocol/mesh.ts";
import { problem, ProtocolError, type Reason } from "../../services/protocol/problems.ts";
import { createHttp, problemReply, type Request } from "../../services/runtime/http.ts";
import { createLog } from "../../services/runtime/log.ts";

interface Stored {
  readonly offset: number;
  readonly publish: Publish;
}

export interface FakeMesh {
  readonly url: string;
  /** what was appended to a channel, in order */
  published(channel: string): readonly Publish[];
  /** controls and client events of a user's own stream, shortened to what they say */
  told(user: string): readonly string[];
  /** The next `count` publishes, after as many as `passing`, are refused with this reason, or cut off without an answer. */
  fail(reason: Reason | "cut", count: number, passing?: number): void;
  /** The next publish is one too many for its channel. */
  limit(retryAfterSeconds: number): void;
  /** publishes that came in, also those that were refused */
  readonly attempts: readonly Publish[];
  close(): Promise<void>;
}

export async function startFakeMesh(): Promise<FakeMesh> {
  const logs = new Map<string, Stored[]>();
  const messages = new Map<string, Map<string, Message>>();
  const away = new Set<string>();
  const attempts: Publish[] = [];
  const failures: (Reason | "cut" | undefined)[] = [];
  let retryAfter = 0;
  let clock = 1_700_000_000_000_000n;

  const logOf = (channel: string): Stored[] => logs.get(channel) ?? logs.set(channel, []).get(channel)!;
  const messagesOf = (channel: string): Map<string, Message> => messages.get(channel) ?? messages.set(channel, new Map()).get(channel)!;
  const own = (channel: string, ts: string): Message => {
    const found = messagesOf(channel).get(ts);
    if (found === undefined) throw new ProtocolError("message_not_found");
    return found;
  };

  const apply = (channel: string, publish: Publish, offset: number, ts: string): Message | undefined => {
    if (publish.kind === "message") {
      const message: Message = { ...publish.draft, type: "message", channel, user: publish.user, ts, client_msg_id: publish.key, x_off: offset };
      messagesOf(channel).set(ts, message);
      return message;
    }
    if (publish.kind === "event" || publish.kind === "control") return undefined;
    const before = own(channel, publish.ts);
    if (publish.kind === "update" || publish.kind === "delete") {
      if (before.user !== publish.user) throw new ProtocolError("cant_update_message");
      if (publish.kind === "delete") messagesOf(channel).delete(publish.ts);
      else messagesOf(channel).set(publish.ts, { ...before, ...publish.draft });
      return publish.kind === "update" ? own(channel, publish.ts) : undefined;
    }
    const reactions = (before["reactions"] ?? []) as readonly string[];
    const mark = `${publish.user} ${publish.name}`;
    if (publish.kind === "react" && reactions.includes(mark)) throw new ProtocolError("already_reacted");
    if (publish.kind === "unreact" && !reactions.includes(mark)) throw new ProtocolError("no_reaction");
    messagesOf(channel).set(publish.ts, { ...before, reactions: publish.kind === "react" ? [...reactions, mark] : reactions.filter((other) => other !== mark) });
    return undefined;
  };

  const take = async (request: Request): Promise<Published> => {
    const channel = request.params["id"]!;
    const publish = (await request.json()) as Publish;
    attempts.push(publish);
    const failure = failures.shift();
    if (failure !== undefined && failure !== "cut") throw new ProtocolError(failure);
    const log = logOf(channel);
    const known = log.find((stored) => stored.publish.key === publish.key);
    const offset = known?.offset ?? log.length + 1;
    const micros = (clock += 1n).toString();
    const ts = `${micros.slice(0, 10)}.${micros.slice(10)}`;
    const message = known === undefined ? apply(channel, publish, offset, ts) : [...messagesOf(channel).values()].find((found) => found.x_off === offset);
    if (known === undefined) log.push({ offset, publish });
    return { channel, offset, ts: message?.ts ?? ts, duplicate: known !== undefined, ...(message === undefined ? {} : { message }) };
  };

  const history = ({ params, query }: Request): History => {
    const [latest, oldest] = [query.get("latest") ?? "", query.get("oldest") ?? ""];
    const inclusive = query.get("inclusive") === "true";
    const found = [...messagesOf(params["id"]!).values()].reverse().filter(({ ts }) => {
      const within = (latest === "" || ts < latest) && (oldest === "" || ts > oldest);
      return within || (inclusive && (ts === latest || ts === oldest));
    });
    const limit = Number(query.get("limit") ?? limits.historyPage);
    return { messages: found.slice(0, limit), has_more: found.length > limit };
  };

  const presence = (user: string): unknown => ({ user, presence: away.has(user) ? "away" : "active", online: true, manual_away: away.has(user) });
  const door = createHttp(
    {
      "POST /v1/channels/{id}/messages": async (request) => {
        if (retryAfter > 0) {
          const headers = { "retry-after": String(retryAfter) };
          retryAfter = 0;
          return problemReply(problem("rate_limited"), headers);
        }
        const cut = failures[0] === "cut";
        const body = await take(request);
        if (cut) door.server.closeAllConnections();
        return { status: 200, body };
      },
      "GET /v1/channels/{id}/messages": (request) => ({ status: 200, body: history(request) }),
      "GET /v1/presence/users/{id}": ({ params }) => ({ status: 200, body: presence(params["id"]!) }),
      "PUT /v1/presence/users/{id}": async (request) => {
        const user = request.params["id"]!;
        if (((await request.json()) as { presence: string }).presence === "away") away.add(user);
        else away.delete(user);
        return { status: 200, body: presence(user) };
      },
      "PUT /v1/agent/service/register": () => ({ status: 200, body: "" }),
      "PUT /v1/agent/service/deregister/{id}": () => ({ status: 200, body: "" }),
      "PUT /v1/agent/check/pass/{id}": () => ({ status: 200, body: "" }),
    },
    createLog("mesh", "fake", "silent"),
  );
  const address = await door.listen("127.0.0.1:0");
  return {
    url: `http://${address}`,
    published: (channel) => logOf(channel).map(({ publish }) => publish),
    told: (user) =>
      logOf(user).map(({ publish }) => {
        if (publish.kind === "control") return controlText(publish.control);
        return publish.kind === "event" ? publish.event.type : publish.kind;
      }),
    fail: (reason, count, passing = 0) => void failures.push(...Array<undefined>(passing).fill(undefined), ...Array<Reason | "cut">(count).fill(reason)),
    limit: (seconds) => void (retryAfter = seconds),
    attempts,
    close: () => door.close(0),
  };
}

function controlText(control: Control): string {
  if ("presence" in control) return control.presence;
  return "join" in control ? `join ${control.join} after ${control.after}` : `leave ${control.leave}`;
}
