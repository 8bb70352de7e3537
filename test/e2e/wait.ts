/** Waiting for conditions: tests never sleep for luck. */

/** @throws Error naming `what` when `holds` stays falsy (or keeps throwing) for `timeoutMs` */
export async function until<T>(what: string, holds: () => T | Promise<T>, timeoutMs = 15_000, everyMs = 20): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await holds();
      if (value) return value as NonNullable<T>;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause: last });
    await new Promise((done) => setTimeout(done, everyMs));
  }
}

/** Runs `work` over `items`, at most `width` at once. Rejects with the first failure, after what runs has ended. */
export async function inParallel<T>(width: number, items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const index = next++;
      try {
        await work(items[index]!, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: width }, lane));
  const broken = results.find((result) => result.status === "rejected");
  if (broken !== undefined) throw broken.reason;
}
