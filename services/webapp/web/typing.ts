/** Who types where. Pure: time is an argument. */

/** Nobody says that they stopped: so long after the last sign they have. */
const forMs = 5_000;
/** One tells others no more often than that. */
const tellEveryMs = 3_000;

/** user → until when */
export type Typists = ReadonlyMap<string, number>;

export function typed(typists: Typists, user: string, now: number): Typists {
  return new Map([...typists, [user, now + forMs]]);
}

/** They sent it, or the time is over. @returns the same where nothing changed */
export function stopped(typists: Typists, user: string | undefined, now: number): Typists {
  const left = [...typists].filter(([one, until]) => one !== user && until > now);
  return left.length === typists.size ? typists : new Map(left);
}

export function mayTell(lastToldAt: number, now: number): boolean {
  return now - lastToldAt >= tellEveryMs;
}

/** "" where nobody does. */
export function sentence(names: readonly string[]): string {
  if (names.length === 0) return "";
  if (names.length === 1) return `${names[0]} is typing …`;
  return names.length === 2 ? `${names[0]} and ${names[1]} are typing …` : "Several people are typing …";
}
