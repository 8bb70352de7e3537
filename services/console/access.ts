/** Who may use the console: who shows the operator's token. */
import { createHash, timingSafeEqual } from "node:crypto";
import { problem } from "../protocol/problems.ts";
import { pageHeaders } from "../runtime/built-page.ts";
import { problemReply, type Handler, type Routes } from "../runtime/http.ts";
import type { Secret } from "../runtime/secret.ts";

/** Of every answer of the API. */
const apiHeaders = { ...pageHeaders(), "cache-control": "no-store" } as const;

/** Of one length and compared in constant time, so that an answer's time says nothing of the token. */
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** A stream ends when the token that it was opened with is the token no more. @param refused told of each request without the token */
export function guard(token: Secret, refused: () => void): (routes: Routes) => Routes {
  const isToken = (shown: string): boolean => timingSafeEqual(digest(shown), digest(token.current()));
  const guarded =
    (handler: Handler): Handler =>
    async (request) => {
      const shown = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
      if (shown !== undefined && isToken(shown)) {
        const reply = await handler(request);
        return { ...reply, ...(reply.stream === undefined ? {} : { stream: during(reply.stream, () => isToken(shown)) }), headers: { ...apiHeaders, ...reply.headers } };
      }
      refused();
      return problemReply(problem("bad_token"), { "www-authenticate": "Bearer" });
    };
  return (routes) => Object.fromEntries(Object.entries(routes).map(([route, handler]) => [route, guarded(handler)]));
}

async function* during(parts: AsyncIterable<string>, holds: () => boolean): AsyncGenerator<string> {
  for await (const part of parts) {
    if (!holds()) return;
    yield part;
  }
}
