/**
 * The gateway's spans, beside its pure state: `publish`, from when a client's message is taken until it is acked or refused, and `deliver`, of an event that somebody traces,
 * from when its owner had it stored until it went to this gateway's sockets. A link's records carry the trace in between.
 */
import type { Link, LinkFrame } from "../protocol/link.ts";
import { isSampled } from "../runtime/trace.ts";
import type { Attributes, Span, Tracer } from "../runtime/tracing.ts";
import type { Effect, SessionId } from "./events.ts";

/** Messages whose answer is waited for; the span of the oldest ends where there are more. */
const openMost = 10_000;

export class Traces {
  readonly #tracer: Tracer;
  readonly #attributes: Attributes;
  /** of sockets whose upgrade was a part of a trace, its `traceparent` */
  readonly #upgrades = new Map<SessionId, string>();
  /** by the number of the request, in the order of their sending */
  readonly #open = new Map<number, Span>();

  constructor(tracer: Tracer, gateway: string) {
    this.#tracer = tracer;
    this.#attributes = { "messaging.system": "ringway", "ringway.gateway": gateway };
  }

  /** @param traceparent of the upgrade; "" = nobody traced it */
  opened(session: SessionId, traceparent: string): void {
    if (traceparent !== "") this.#upgrades.set(session, traceparent);
  }

  closed(session: SessionId): void {
    this.#upgrades.delete(session);
  }

  /** @returns the record with the trace in it; one that is sent again stays in its own */
  publish(frame: Link<"publish">): Link<"publish"> {
    let span = this.#open.get(frame.req);
    if (span === undefined) {
      // A trace of its own: a socket may live for days.
      span = this.#tracer.begin("publish", "producer", "", frame.taken / 1_000, this.#upgrades.get(frame.origin));
      this.#open.set(frame.req, span);
      const [oldest] = this.#open.keys();
      if (this.#open.size > openMost) this.#end(oldest!, {}, "no answer");
    }
    return isSampled(span.traceparent) ? { ...frame, trace: span.traceparent } : frame;
  }

  acked(frames: readonly LinkFrame[]): void {
    if (this.#open.size === 0) return;
    for (const frame of frames) if (frame.type === "ack") this.#end(frame.req, { "ringway.offset": frame.offset });
  }

  /** For good: what an owner refuses because it is none is sent again. */
  refused({ req, error }: Extract<Effect, { type: "unpublished" }>): void {
    this.#end(req, {}, error);
  }

  delivered({ channel, offset, trace, stored, arrived, sessions }: Extract<Effect, { type: "traced" }>): void {
    this.#tracer.record("deliver", "consumer", trace, stored / 1_000, arrived / 1_000, { ...this.#attributes, "ringway.channel": channel, "ringway.offset": offset, "ringway.sessions": sessions });
  }

  #end(req: number, attributes: Attributes, failed?: string): void {
    this.#open.get(req)?.end({ ...this.#attributes, ...attributes }, failed);
    this.#open.delete(req);
  }
}
