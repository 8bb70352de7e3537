import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Chat } from "./chat.ts";
import { MessageRow } from "./message.tsx";
import type { Channel } from "./reads.ts";
import { empty } from "./timeline.ts";
import { day } from "./times.ts";
import { sentence } from "./typing.ts";

/** So near to the end one is at the end. */
const nearPx = 60;

interface Props {
  readonly chat: Chat;
  readonly channel: Channel;
  readonly details: (key: string) => void;
}

/** The messages of a channel: the newest at the bottom, older ones as one scrolls up to them. */
export function Messages({ chat, channel, details }: Props) {
  const { stored, mine, hasMore } = chat.timelines.get(channel.id) ?? empty;
  const log = useRef<HTMLDivElement>(null);
  const top = useRef<HTMLButtonElement>(null);
  const atEnd = useRef(true);
  const fromEnd = useRef(0);
  const [below, setBelow] = useState(0);
  const seen = useRef(0);

  const scrolled = (): void => {
    const { scrollTop, scrollHeight, clientHeight } = log.current!;
    fromEnd.current = scrollHeight - scrollTop;
    atEnd.current = scrollHeight - scrollTop - clientHeight < nearPx;
    chat.histories.lookBack(channel.id, !atEnd.current);
    if (atEnd.current) toEnd();
  };
  const toEnd = (): void => {
    setBelow(0);
    seen.current = stored.length;
    if (document.visibilityState === "visible") chat.read(channel.id);
  };

  // Who is at the end stays there; for anybody else nothing moves, whatever comes above or below.
  const oldest = stored[0]?.ts;
  const wasOldest = useRef(oldest);
  useLayoutEffect(() => {
    const element = log.current!;
    if (atEnd.current) {
      element.scrollTop = element.scrollHeight;
      toEnd();
    } else if (oldest !== wasOldest.current) element.scrollTop = element.scrollHeight - fromEnd.current;
    else setBelow(Math.max(0, stored.length - seen.current));
    if (oldest !== wasOldest.current) seen.current = stored.length - below;
    wasOldest.current = oldest;
    fromEnd.current = element.scrollHeight - element.scrollTop;
  }, [stored, mine]);

  // So does who is at the end of a window that changes.
  useEffect(() => {
    const element = log.current!;
    const observer = new ResizeObserver(() => void (atEnd.current && (element.scrollTop = element.scrollHeight)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => () => chat.histories.lookBack(channel.id, false), []);

  useEffect(() => {
    const back = (): void => void (document.visibilityState === "visible" && atEnd.current && chat.read(channel.id));
    document.addEventListener("visibilitychange", back);
    return () => document.removeEventListener("visibilitychange", back);
  }, []);

  // Older ones are read a little before one sees that they are missing.
  useEffect(() => {
    if (!hasMore || stored.length === 0) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting === true && void chat.older(channel.id), { root: log.current, rootMargin: "300px 0px 0px" });
    observer.observe(top.current!);
    return () => observer.disconnect();
  }, [hasMore, oldest]);

  const all = [...stored, ...mine];
  const typists = [...(chat.typists.get(channel.id)?.keys() ?? [])].map((user) => chat.nameOf(user));
  return (
    <>
      <div ref={log} class="log" role="log" aria-label={`Messages in ${chat.titleOf(channel)}`} aria-busy={chat.isReading(channel.id)} tabIndex={0} onScroll={scrolled}>
        {hasMore ? (
          <button ref={top} type="button" class="older" disabled={chat.isReading(channel.id)} onClick={() => void chat.older(channel.id)}>
            {chat.isReading(channel.id) ? "Reading …" : "Earlier messages"}
          </button>
        ) : (
          <p class="hint beginning">This is the beginning of {chat.titleOf(channel)}.</p>
        )}
        <ol>
          {all.map((message, i) => {
            const before = all[i - 1];
            const today = message.ts === "" ? "" : day(message.ts);
            const newDay = today !== "" && (before === undefined || before.ts === "" || day(before.ts) !== today) ? today : "";
            return <MessageRow key={message.key} chat={chat} channel={channel.id} message={message} newDay={newDay} name={chat.nameOf(message.user)} journey={chat.journeys.of(channel.id, message.offset)} details={details} />;
          })}
        </ol>
      </div>
      <div class="under">
        <p class="typing" role="status">
          {sentence(typists)}
        </p>
        {below > 0 && (
          <button type="button" class="below" onClick={() => log.current!.scrollTo({ top: log.current!.scrollHeight })}>
            {below} new below
          </button>
        )}
      </div>
    </>
  );
}
