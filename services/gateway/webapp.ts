/** What the gateway asks of webapp, through the mesh listener. */
import { isId } from "../protocol/ids.ts";
import type { Session } from "../protocol/mesh.ts";
import { ask } from "../runtime/request.ts";

/** @returns what the ticket stood for, or the status of the refusal (0: no usable answer) */
export async function redeem(meshUrl: string, ticket: string): Promise<Session | number> {
  try {
    const answer = await ask(`${meshUrl}/v1/sessions`, { method: "POST", body: { ticket } });
    if (answer.status !== 200) return answer.status;
    return isSession(answer.json) ? answer.json : 0;
  } catch {
    return 0;
  }
}

/** @returns the IDs of the user's channels; undefined where there is no usable answer */
export async function listChannels(meshUrl: string, user: string): Promise<string[] | undefined> {
  try {
    const answer = await ask(`${meshUrl}/v1/users/${user}/channels`, { timeoutMs: 2_000 });
    const channels = answer.status === 200 ? (answer.json as { channels?: unknown } | undefined)?.channels : undefined;
    return Array.isArray(channels) && channels.every((id) => typeof id === "string") ? (channels as string[]) : undefined;
  } catch {
    return undefined;
  }
}

function isSession(value: unknown): value is Session {
  if (typeof value !== "object" || value === null) return false;
  const { user, offsets, manual_away_at: at } = value as Partial<Session>;
  if (!isWhole(at)) return false;
  return typeof user?.id === "string" && isId(user.id) && typeof offsets === "object" && offsets !== null && Object.values(offsets).every(isWhole);
}

function isWhole(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
