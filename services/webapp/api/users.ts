import { existingUser } from "../access.ts";
import { cursorArgument, limitArgument, nextPage, readCursor, writeCursor } from "../cursor.ts";
import { ApiError } from "../errors.ts";
import { method, type Methods } from "../method.ts";
import { channelShape, userShape } from "../shapes.ts";
import { channelsAmong, listChannels, listingArguments, wantedTypes } from "./listing.ts";

/** Users on a page where the caller names no limit: as many as a page ever holds, since old clients don't page. */
const wholePage = 1_000;

/** `users.*` */
export const userMethods: Methods = {
  "users.list": method({ limit: limitArgument, cursor: cursorArgument }, async ({ directory, team, clock }, args) => {
    const limit = args.limit === 0 ? wholePage : args.limit;
    const users = await directory.users(readCursor("user", args.cursor, /^[A-Za-z0-9_-]{1,64}$/), limit + 1);
    const page = users.slice(0, limit);
    const next = users.length > limit ? page.at(-1)?.id : undefined;
    return { members: page.map((user) => userShape(user, team)), cache_ts: Math.floor(clock.now() / 1_000), ...nextPage(writeCursor("user", next)) };
  }),

  "users.info": method({ user: { kind: "text", required: true } }, async ({ directory, team }, args) => ({
    user: userShape(await existingUser(directory, args.user), team),
  })),

  "users.conversations": method({ ...listingArguments, user: { kind: "text" } }, async (context, args) => {
    const { directory, team, user: caller, membership } = context;
    const user = args.user === undefined ? caller : await existingUser(directory, args.user);
    const types = wantedTypes(args.types);
    const mine = new Set(await directory.channelsOf(caller.id));
    const theirs = user.id === caller.id ? [...mine] : await directory.channelsOf(user.id);
    // Of others, only what the caller may know of.
    const page = await listChannels(args, channelsAmong(directory, theirs), (found) => types.has(found.type) && (found.type === "channel" || mine.has(found.id)));
    const channels = await Promise.all(page.channels.map(async (found) => channelShape(found, team, { isMember: mine.has(found.id), partner: await membership.partner(found, caller.id) })));
    return { channels, ...nextPage(page.nextCursor) };
  }),

  "users.getPresence": method({ user: { kind: "text" } }, async ({ directory, mesh, user: caller }, args) => {
    const user = args.user === undefined ? caller : await existingUser(directory, args.user);
    const { presence, online, manual_away } = await mesh.presence(user.id);
    return user.id === caller.id ? { presence, online, manual_away, auto_away: presence === "away" && !manual_away } : { presence };
  }),

  "users.setPresence": method({ presence: { kind: "text", required: true, error: "invalid_presence" } }, async ({ directory, mesh, user, clock }, { presence }) => {
    if (presence !== "auto" && presence !== "away") throw new ApiError("invalid_presence");
    const at = await directory.chooseAway(user.id, presence === "away", Math.floor(clock.now()));
    if (at === undefined) throw new ApiError("user_not_found");
    await mesh.setPresence(user.id, presence, at);
    // The user's gateways hear it from the presence server, too, unless it is lost or they are cut off just now.
    await mesh.publish(user.id, { kind: "control", key: `presence-${at}`, control: { presence, at } });
    return {};
  }),
};
