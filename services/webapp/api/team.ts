import { ApiError } from "../errors.ts";
import { method, type Methods } from "../method.ts";
import { botShape } from "../shapes.ts";

/** `team.*` and `bots.*` */
export const teamMethods: Methods = {
  "team.info": method({}, ({ team }) => ({ team: { id: team.id, name: team.name, domain: team.domain, email_domain: "", icon: {} } })),

  "bots.info": method({ bot: { kind: "text", required: true, maxChars: 64 } }, async ({ directory }, { bot }) => {
    // A bot's ID is its user's with another first letter (tokens.ts, botIdOf).
    const user = await directory.user(`U${bot.slice(1)}`);
    if (user === undefined || user.botId !== bot) throw new ApiError("bot_not_found");
    return { bot: botShape(user) };
  }),
};
