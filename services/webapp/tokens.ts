/**
 * Tokens: `xoxp-…` for people, `xoxb-…` for bots. Only SHA-256 hashes are stored; a token carries 160 random bits, so an
 * unsalted fast hash cannot be reversed by guessing.
 */
import { createHash, randomBytes } from "node:crypto";
import type { Directory, User } from "../store/directory.ts";

export interface TokenRequest {
  /** the user's name, 1..21 of `[a-z0-9._-]`; a user of that name is created where there is none */
  readonly name: string;
  readonly realName?: string;
  /** true: a bot user. An existing user keeps what it is; asking for the other kind is refused */
  readonly bot?: boolean;
  /** for people who list tokens */
  readonly label?: string;
}

export interface IssuedToken {
  /** shown once; not stored */
  readonly token: string;
  readonly hash: string;
  readonly user: User;
}

/** The request for a token cannot be met; `message` says why, for a person. */
export class TokenError extends Error {
  override name = "TokenError";
}

/** Hex SHA-256, as `Token.hash` keeps it. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/**
 * Issues a token, creating the user where the name is new.
 * @param now milliseconds since the Unix epoch
 * @throws TokenError for a name that is not valid, or a person where a bot was asked for (or the reverse)
 */
export async function issueToken(directory: Directory, request: TokenRequest, now: number): Promise<IssuedToken> {
  if (!/^[a-z0-9][a-z0-9._-]{0,20}$/.test(request.name)) throw new TokenError(`'${request.name}' is no user name: 1 to 21 of a-z, 0-9, '.', '_', '-'`);
  const known = await directory.userByName(request.name);
  if (known !== undefined && request.bot !== undefined && (known.botId !== null) !== request.bot) {
    throw new TokenError(`${request.name} is a ${known.botId === null ? "person, not a bot" : "bot, not a person"}`);
  }
  const user = known ?? newUser(request, now);
  if (known === undefined) await directory.putUser(user);
  const token = `${user.botId === null ? "xoxp" : "xoxb"}-${randomBytes(20).toString("hex")}`;
  const hash = hashToken(token);
  await directory.putToken({ hash, user: user.id, label: request.label ?? "", createdAt: now });
  return { token, hash, user };
}

/**
 * Revokes a token at once.
 * @param token the token itself, or its hash
 * @returns whether it was there
 */
export async function revokeToken(directory: Directory, token: string): Promise<boolean> {
  return directory.deleteToken(/^[0-9a-f]{64}$/.test(token) ? token : hashToken(token));
}

/** The bot ID of the bot user `userId`: the same ID with its first letter `B`. */
export function botIdOf(userId: string): string {
  return `B${userId.slice(1)}`;
}

/** A random ID in the shape of Slack's: `prefix` and ten of A–Z, 2–7 (50 bits). */
export function newId(prefix: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  return prefix + [...randomBytes(10)].map((byte) => alphabet[byte & 31]).join("");
}

function newUser(request: TokenRequest, now: number): User {
  const id = newId("U");
  return { id, name: request.name, realName: request.realName ?? request.name, botId: request.bot === true ? botIdOf(id) : null, manualAway: false, manualAwayAt: 0, createdAt: now };
}
