/**
 * Development mode (`--dev`): five users, two channels and tokens that everybody knows. Users and channels are kept in
 * the directory; the tokens are not: they live in the memory of a `--dev` process, so a data folder that was once used
 * for development refuses them afterwards.
 */
import type { Channel, Directory, User } from "../store/directory.ts";
import { hashToken } from "./tokens.ts";

const people = [
  ["ada", "Ada Lovelace"],
  ["grace", "Grace Hopper"],
  ["linus", "Linus Pauling"],
  ["margaret", "Margaret Hamilton"],
] as const;

function devUsers(now: number): User[] {
  const rest = { manualAway: false, manualAwayAt: 0, createdAt: now };
  return [
    ...people.map(([name, realName]) => ({ id: `U0${name.toUpperCase()}`, name, realName, botId: null, ...rest })),
    { id: "U0ROBOT", name: "robot", realName: "Robot", botId: "B0ROBOT", ...rest },
  ];
}

/** The people among them, for a page on which one chooses who to be. */
export const devPeople = people.map(([name, realName]) => ({ name, realName, token: `xoxp-dev-${name}` }));

/** Token → user ID. */
export const devTokens: Readonly<Record<string, string>> = {
  ...Object.fromEntries(people.map(([name]) => [`xoxp-dev-${name}`, `U0${name.toUpperCase()}`])),
  "xoxb-dev-robot": "U0ROBOT",
};

/** Hash of a development token → user ID. */
export function devTokenHashes(): ReadonlyMap<string, string> {
  return new Map(Object.entries(devTokens).map(([token, user]) => [hashToken(token), user]));
}

/** Puts the development users and channels where they are missing; what is there stays as it is. */
export async function seedDev(directory: Directory, now: number): Promise<void> {
  const users = devUsers(now);
  for (const user of users) if ((await directory.user(user.id)) === undefined) await directory.putUser(user);
  const members = users.map((user) => user.id);
  for (const [id, name, purpose] of [
    ["C0GENERAL", "general", "Where everybody is"],
    ["C0RANDOM", "random", "Everything else"],
  ] as const) {
    const channel: Channel = { id, name, type: "channel", creator: "U0ADA", createdAt: now, topic: "", purpose };
    await directory.createChannel(channel, members);
  }
}
