import { useLayoutEffect, useRef } from "preact/hooks";
import type { Chat } from "./chat.ts";
import { hops, inMs } from "./hops.ts";
import type { Message } from "./timeline.ts";
import { exactTime } from "./times.ts";

interface Props {
  readonly chat: Chat;
  readonly channel: string;
  readonly message: Message;
  readonly close: () => void;
}

/** How this message travelled. */
export function Details({ chat, channel, message, close }: Props) {
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => button.current?.focus(), []);
  const journey = chat.journeys.of(channel, message.offset);
  const { sentAt, ackedAt } = message;
  const ackMs = sentAt === undefined || ackedAt === undefined ? undefined : ackedAt - sentAt;
  const way = journey === undefined ? [] : hops(journey, sentAt === undefined ? undefined : { ackMs }, chat.client.roundTripMs);
  const longest = Math.max(...way.map(({ ms }) => ms ?? 0));
  return (
    <aside class="panel details" aria-labelledby="details">
      <header>
        <h2 id="details">How this message travelled</h2>
        <button ref={button} type="button" onClick={close}>
          Close<span class="hidden"> the details</span>
        </button>
      </header>
      <dl>
        <dt>Place</dt>
        <dd>{message.offset === undefined ? "none yet" : `offset ${message.offset}`}</dd>
        <dt>Time</dt>
        <dd>{message.ts === "" ? "not stored yet" : exactTime(message.ts)}</dd>
        <dt>ts</dt>
        <dd>{message.ts === "" ? "none yet" : message.ts}</dd>
        {journey !== undefined && (
          <>
            <dt>Channel server</dt>
            <dd>
              {journey.server}, slot {journey.slot}, epoch {journey.epoch}
            </dd>
            <dt>Your gateway</dt>
            <dd>{journey.gateway}</dd>
          </>
        )}
        {ackMs !== undefined && (
          <>
            <dt>Until the ack</dt>
            <dd>{inMs(ackMs)}</dd>
          </>
        )}
      </dl>
      {journey === undefined ? (
        <p class="hint">The server tells nothing more of this message: only of those that come while the page is open, and only where it measures them.</p>
      ) : (
        <ol class="hops">
          {way.map(({ from, to, ms, note }) => (
            <li key={`${from}>${to}`}>
              <span>
                {from} → {to}
              </span>
              <b>{ms === undefined ? "?" : inMs(ms)}</b>
              {ms !== undefined && <meter min={0} max={Math.max(longest, 0.01)} value={ms} aria-label={`${inMs(ms)} of the longest hop's ${inMs(longest)}`} />}
              {note !== undefined && <span class="hint">{note}</span>}
            </li>
          ))}
        </ol>
      )}
    </aside>
  );
}
