import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { follow } from "./api.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Each opened stream stays open; it breaks when its request is aborted, as a browser's does. */
class Streams {
  readonly opened: ReadableStreamDefaultController<Uint8Array>[] = [];

  constructor() {
    vi.stubGlobal("fetch", (_: string, { signal }: RequestInit) => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.opened.push(controller);
          signal!.addEventListener("abort", () => controller.error(signal!.reason));
        },
      });
      return Promise.resolve(new Response(body));
    });
  }

  say(epoch: number): void {
    this.opened.at(-1)!.enqueue(new TextEncoder().encode(`{"epoch":${epoch}}\n`));
  }
}

test("a stream that falls silent for 10 s is opened again, and said to be silent until then", async () => {
  const streams = new Streams();
  const [epochs, problems]: [(number | null)[], (string | undefined)[]] = [[], []];
  const stop = follow("a-token", ({ epoch }) => epochs.push(epoch), (refused) => problems.push(refused?.message));
  await vi.advanceTimersByTimeAsync(0);
  streams.say(1);
  await vi.advanceTimersByTimeAsync(9_000);
  streams.say(2);
  await vi.advanceTimersByTimeAsync(9_000);
  expect([streams.opened.length, epochs, problems]).toEqual([1, [1, 2], [undefined, undefined]]);
  await vi.advanceTimersByTimeAsync(2_500);
  expect([streams.opened.length, problems.at(-1)]).toEqual([2, "The console does not answer."]);
  streams.say(3);
  await vi.advanceTimersByTimeAsync(0);
  expect([epochs.at(-1), problems.at(-1)]).toEqual([3, undefined]);
  stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(streams.opened.length).toBe(2);
});
