import type { Methods } from "../method.ts";
import { authMethods } from "./auth.ts";
import { chatMethods } from "./chat.ts";
import { conversationMemberMethods } from "./conversations-members.ts";
import { conversationMethods } from "./conversations.ts";
import { reactionMethods } from "./reactions.ts";
import { rtmMethods } from "./rtm.ts";
import { teamMethods } from "./team.ts";
import { userMethods } from "./users.ts";

/** Every method of the Web API: its name, what it takes, what it does. */
export const methods: Methods = {
  ...authMethods,
  ...rtmMethods,
  ...chatMethods,
  ...conversationMethods,
  ...conversationMemberMethods,
  ...userMethods,
  ...teamMethods,
  ...reactionMethods,
};
