import { method, openMethod, type Methods } from "../method.ts";
import { botIdOf } from "../tokens.ts";

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
    // Never absent, also for people: slack_sdk's RTM v2 skips every event whose bot_id equals this one, absent ones included.
    bot_id: user.botId ?? botIdOf(user.id),
    is_enterprise_install: false,
  })),
};
