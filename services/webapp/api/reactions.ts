import { randomUUID } from "node:crypto";
import { memberChannel } from "../access.ts";
import { ApiError } from "../errors.ts";
import { method, type Methods } from "../method.ts";

const args = {
  channel: { kind: "text", required: true },
  name: { kind: "text", required: true, error: "invalid_name" },
  timestamp: { kind: "ts", required: true, error: "bad_timestamp" },
} as const;

const change = (kind: "react" | "unreact") =>
  method(args, async (context, { channel, name, timestamp }) => {
    // `thumbsup`, also with a skin tone: `thumbsup::skin-tone-2`; people write the colons, too.
    const clean = name.replace(/^:|:$/g, "");
    if (!/^[a-z0-9_+'-]{1,100}(::skin-tone-[2-6])?$/.test(clean)) throw new ApiError("invalid_name");
    const target = await memberChannel(context, channel);
    await context.mesh.publish(target.id, { kind, user: context.user.id, key: randomUUID(), ts: timestamp, name: clean });
    return {};
  });

/** `reactions.*` */
export const reactionMethods: Methods = { "reactions.add": change("react"), "reactions.remove": change("unreact") };
