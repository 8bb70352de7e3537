/** The Web API as a client calls it. */
import { ask } from "../runtime/request.ts";

/** Instead of an answer: a refusal by its documented name, or why there was none. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

/** How long a client waits for one answer, milliseconds: longer than the plane itself tries. */
const answerWithinMs = 10_000;

/** @throws NoAnswer */
export async function callApi(api: string, token: string, method: string, args: Readonly<Record<string, unknown>> = {}): Promise<Readonly<Record<string, unknown>>> {
  let answer;
  try {
    answer = await ask(`${api}/api/${method}`, { method: "POST", body: args, headers: { authorization: `Bearer ${token}` }, timeoutMs: answerWithinMs });
  } catch (error) {
    throw new NoAnswer((error as NodeJS.ErrnoException).code ?? (error as Error).message);
  }
  const { status, json } = answer;
  if (typeof json !== "object" || json === null) throw new NoAnswer(`http_${status}`);
  const result = json as Readonly<Record<string, unknown>>;
  if (result["ok"] === true) return result;
  // What is missing says more than that something is.
  throw new NoAnswer(String(result["x_reason"] ?? result["error"] ?? `http_${status}`));
}
