/**
 * The gateway's spans, beside its pure state: `publish`, from when a client's message is taken until it is acked, and `deliver`, of an event that somebody traces,
 * from when its owner had it stored until it went to this gateway's sockets. A link's records carry the trace in between.
 */
import type { Link, LinkFrame } from "../protocol/link.ts";
import type { Attributes, Span, Tracer } from "../runtime/tracing.ts";
import type { Effect, SessionId } from "./events.ts";

/** Messages whose answer is waited for; the span of the oldest ends where there are more. */
const openMost = 10_000;

export class Traces {
  readonly #tracer: Tracer;
  readonly #attributes: Attributes;
  /** of sockets whose upgrade was a part of a trace */
  readonly #parents = new Map<SessionId, string>();
  /** by the number of the request, in the order of their sending */
  readonly #open = new Map<number, Span>();

  constructor(tracer: Tracer, gateway: string) {
    this.#tracer = tracer;
    this.#attributes = { "messaging.system": "ringway", "ringway.gateway": gateway };
  }

  /** @param traceparent of the upgrade; "" = nobody traced it */
  opened(session: SessionId, traceparent: string): void {
    if (traceparent !== "") this.#parents.set(session, traceparent);
  }

  closed(session: SessionId): void {
    this.#parents.delete(session);
  }

  /** @returns the record with the trace in it; one that is sent again stays in its own */
  publish(frame: Link<"publish">): Link<"publish"> {
    let span = this.#open.get(frame.req);
    if (span === undefined) {
      span = this.#tracer.begin("publish", "producer", this.#parents.get(frame.origin) ?? "", frame.taken / 1_000);
      this.#open.set(frame.req, span);
      const [oldest] = this.#open.keys();
      if (this.#open.size > openMost) this.#end(oldest!, {}, "no answer");
    }
    return { ...frame, trace: span.traceparent };
  }

  answered(frames: readonly LinkFrame[]): void {
    if (this.#open.size === 0) return;
    for (const frame of frames) {
      if (frame.type === "ack") this.#end(frame.req, { "ringway.offset": frame.offset });
      else if (frame.type === "refused") this.#end(frame.req, {}, frame.reason);
    }
  }

  delivered({ channel, offset, trace, stored, arrived, sessions }: Extract<Effect, { type: "traced" }>): void {
    this.#tracer.record("deliver", "consumer", trace, stored / 1_000, arrived / 1_000, { ...this.#attributes, "ringway.channel": channel, "ringway.offset": offset, "ringway.sessions": sessions });
  }

  #end(req: number, attributes: Attributes, failed?: string): void {
    this.#open.get(req)?.end({ ...this.#attributes, ...attributes }, failed);
    this.#open.delete(req);
  }
}
