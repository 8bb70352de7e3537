import { method, openMethod, type Methods } from "../method.ts";

/** `auth.*` and `api.test`. */
export const authMethods: Methods = {
  /** Echoes its arguments; with `error=…` it answers that error, whatever it is. */
  "api.test": openMethod({ error: { kind: "text" } }, ({ given }, { error }) => ({ ...(error === undefined ? {} : { ok: false, error }), args: given })),

  "auth.test": method({}, ({ user, team, origin }) => ({
    url: `http${origin.secure ? "s" : ""}://${origin.host}/`,
    team: team.name,
    team_id: team.id,
    user: user.name,
    user_id: user.id,
    // Some clients of bots can't do without it; the public service leaves it out for people.
    ...(user.botId === null ? {} : { bot_id: user.botId }),
    is_enterprise_install: false,
  })),
};
