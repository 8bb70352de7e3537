/** Which charm to ask, where a plane has several: each knows the ring, but what is decided, and why, only the one that leads. */
import { ask } from "../runtime/request.ts";

const answerMs = 1_000;

/**
 * @param urls with commas
 * @returns the one that leads; where none says so the first that answers, else the first
 */
export async function leadingCharm(urls: string): Promise<string> {
  const all = urls.split(",");
  if (all.length === 1) return urls;
  const answers = all.map((url) => ask(`${url}/v1/status`, { timeoutMs: answerMs }).catch(() => undefined));
  const leads = answers.map(async (answer, i) => ((await answer)?.json as { leading?: unknown } | null | undefined)?.leading === true ? all[i]! : Promise.reject(new Error("it does not lead")));
  // Who leads need not wait for one that is silent.
  return Promise.any(leads).catch(async () => all[Math.max(0, (await Promise.all(answers)).findIndex((answer) => answer?.status === 200))]!);
}
