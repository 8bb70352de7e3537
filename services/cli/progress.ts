/** A bar on stderr, for whoever looks at a terminal. The only importer of cli-progress. */
import { SingleBar } from "cli-progress";

export interface Progress {
  /** @param share 0..1 of the work that is done @param note what is left, in words */
  at(share: number, note?: string): void;
  end(): void;
}

const nobodyLooks: Progress = { at() {}, end() {} };

/** @param what is being done, a few words */
export function progress(what: string): Progress {
  if (!process.stderr.isTTY) return nobodyLooks;
  const bar = new SingleBar({ format: "{what} [{bar}] {percentage} % {note}", barsize: 30, hideCursor: true, clearOnComplete: true, stream: process.stderr });
  bar.start(1, 0, { what, note: "" });
  return {
    at: (share, note = "") => bar.update(Math.min(1, Math.max(0, share)), { note }),
    end: () => bar.stop(),
  };
}
