/** What the operator's verbs share: where charm is, and its answers. */
import { leadingCharm } from "../observe/charm.ts";
import type { Topology } from "../protocol/topology.ts";
import { charmUrls, ringKeyOrDevFlag, tlsFlags } from "../runtime/common-flags.ts";
import { UsageError, type Flags } from "../runtime/flags.ts";
import { ask, type Ask } from "../runtime/request.ts";
import { validateTopology } from "../ring/topology.ts";

export const operatorFlags = {
  "charm-url": { type: "string", default: "http://127.0.0.1:8083", env: "RINGWAY_CHARM_URL", help: "charm's address; of several, with commas, the one that leads is asked", matches: charmUrls },
  "ring-key": ringKeyOrDevFlag,
  ...tlsFlags,
} as const satisfies Flags;

/** @throws UsageError with charm's own reason where it refuses or does not answer */
export async function askCharm(charmUrls: string, path: string, options: Ask = {}): Promise<unknown> {
  const charmUrl = await leadingCharm(charmUrls);
  let answer;
  try {
    answer = await ask(charmUrl + path, options);
  } catch (error) {
    throw new UsageError(`charm at ${charmUrl} does not answer (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`);
  }
  if (answer.status >= 300) {
    const refused = answer.json as { reason?: string; detail?: string } | undefined;
    throw new UsageError(`charm refused: ${refused?.reason ?? answer.status}${refused?.detail === undefined ? "" : ` (${refused.detail})`}`);
  }
  return answer.json;
}

/** The topology that charm publishes now. */
export async function currentTopology(charmUrl: string): Promise<Topology> {
  return validateTopology(await askCharm(charmUrl, "/v1/charm/topology"));
}
