/** What of a channel its reader has not seen yet: the ts of the messages, so that a deletion takes one away. Pure. */

export interface Unread {
  readonly lastRead: string;
  readonly list: ReadonlySet<string>;
}

/** As many as are looked for; a badge says 99+ then. */
export const unreadMost = 100;

export const none: Unread = { lastRead: "", list: new Set() };

/** From what the history says is beyond `lastRead`; one's own messages are read. */
export function counted(lastRead: string, messages: readonly Readonly<Record<string, unknown>>[], self: string): Unread {
  return { lastRead, list: new Set(messages.filter(({ user }) => user !== self).map(({ ts }) => String(ts))) };
}

/** What was counted on the server, and what this page saw while that was asked. */
export function merged(found: Unread, seen: Unread): Unread {
  const lastRead = found.lastRead > seen.lastRead ? found.lastRead : seen.lastRead;
  return { lastRead, list: new Set([...found.list, ...seen.list].filter((ts) => ts > lastRead).slice(-unreadMost)) };
}

export function withMessage({ lastRead, list }: Unread, ts: string): Unread {
  return ts > lastRead ? { lastRead, list: new Set([...list, ts].slice(-unreadMost)) } : { lastRead, list };
}

export function withoutMessage({ lastRead, list }: Unread, ts: string): Unread {
  return { lastRead, list: new Set([...list].filter((one) => one !== ts)) };
}

/** Read up to and with `ts`, here or in another window. */
export function withMark(unread: Unread, ts: string): Unread {
  return ts > unread.lastRead ? { lastRead: ts, list: new Set([...unread.list].filter((one) => one > ts)) } : unread;
}

export function badge({ list }: Unread): string {
  return list.size >= unreadMost ? `${unreadMost - 1}+` : String(list.size);
}
