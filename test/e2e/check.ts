/** `ringway check-delivery` beside a plane. */
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { ask } from "../../services/runtime/request.ts";
import { urlOf } from "../../services/runtime/tls.ts";
import { root, type TestPlane } from "./plane.ts";

export interface Checked {
  readonly code: number | null;
  readonly err: string;
  readonly result: {
    readonly verdict: string;
    readonly counts: Readonly<Record<string, number>>;
    readonly faults: readonly { readonly kind: string; readonly text: string }[];
    readonly acked: number;
    readonly shown: number;
    readonly connections: number;
  };
}

export class Check {
  readonly ended: Promise<Checked>;
  readonly #child: ChildProcess;

  /** @param args of the verb; what this process's environment says it is told, too */
  constructor(...args: string[]) {
    const child = (this.#child = spawn(process.execPath, [join(root, "services", "main.ts"), "check-delivery", "--json", ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"], timeout: 180_000 }));
    let [out, err] = ["", ""];
    child.stdout!.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.stderr!.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")));
    this.ended = new Promise((resolve) => {
      child.on("close", (code) => resolve({ code, err, result: (out === "" ? {} : JSON.parse(out)) as Checked["result"] }));
    });
  }

  /** Ends the sending, as Ctrl-C does. */
  enough(): void {
    this.#child.kill("SIGINT");
  }
}

/** Clients' sockets at each gateway. */
export function openAt(plane: TestPlane): Promise<number[]> {
  return Promise.all(plane.named("gateway").map(async (name) => ((await ask(`${urlOf(plane.addressOf(name))}/v1/status`)).json as { sessions: number }).sessions));
}
