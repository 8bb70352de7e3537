/** The console's API, from the page. */
import type { Snapshot } from "../snapshot.ts";

/** An answer that is none, in words for a person. */
export class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function send(token: string, path: string, options: RequestInit): Promise<Response> {
  const answer = await fetch(`api/${path}`, { ...options, headers: { authorization: `Bearer ${token}` } }).catch(() => {
    throw new Refused(0, "The console does not answer.");
  });
  if (answer.ok) return answer;
  const { title, detail } = (await answer.json().catch(() => ({}))) as { title?: string; detail?: string };
  throw new Refused(answer.status, detail === undefined ? `${title ?? `The console answers ${answer.status}`}.` : `${title}: ${detail}.`);
}

/** @throws Refused */
export async function call<T>(token: string, path: string, method: "GET" | "POST" | "PUT" = "GET", body?: unknown): Promise<T> {
  const answer = await send(token, path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return (await answer.json()) as T;
}

/** Pause before a stream that broke is opened again, ms. */
const againMs = 1_000;
/** A stream has a line each second: one that is silent for so long is stalled, however open it looks, ms. */
const silentMs = 10_000;

/**
 * Every look of the server's, until the returned function is called. A stream that breaks, or falls silent, is opened again.
 * @param onRefused told why there is none now; undefined when there is one again
 */
export function follow(token: string, onSnapshot: (snapshot: Snapshot) => void, onRefused: (why: Refused | undefined) => void): () => void {
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const silence = new Silence();
      try {
        const { body } = await send(token, "stream", { signal: AbortSignal.any([stop.signal, silence.signal]) });
        for await (const line of linesOf(body!)) {
          silence.broken();
          onRefused(undefined);
          onSnapshot(JSON.parse(line) as Snapshot);
        }
      } catch (error) {
        if (stop.signal.aborted) return;
        onRefused(error instanceof Refused ? error : new Refused(0, "The console does not answer."));
        if (error instanceof Refused && error.status === 401) return;
      } finally {
        silence.end();
      }
      await new Promise((resolve) => setTimeout(resolve, againMs));
    }
  };
  void run();
  return () => stop.abort();
}

/** Aborts when nothing has come for `silentMs`. */
class Silence {
  readonly #stalled = new AbortController();
  #timer = this.#wait();

  get signal(): AbortSignal {
    return this.#stalled.signal;
  }
  broken(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#wait();
  }
  end(): void {
    clearTimeout(this.#timer);
  }
  #wait(): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#stalled.abort(), silentMs);
  }
}

async function* linesOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
