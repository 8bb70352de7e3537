/**
 * Drives a client program: one JSON object per line on its stdin (`{do: "send", channel, text}`), one per line from its
 * stdout (`{event: "message", …}`). Every client program speaks the same few words, so that one suite tests them all:
 *
 *   do: send {channel, text} · watch {user} · whoami · post {channel, text} · history {channel, limit} · stop
 *   event: hello · goodbye · ack {ok, ts, text} · message {channel, user, text, ts} · presence {users, presence}
 *          whoami {user_id, team_id} · posted {ts} · history {texts, pages} · error {of, message}
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { until } from "../wait.ts";

export interface ClientEvent {
  readonly event: string;
  readonly ok?: boolean;
  readonly ts?: string;
  readonly channel?: string;
  readonly user?: string;
  readonly text?: string;
  readonly users?: readonly string[];
  readonly presence?: string;
  readonly user_id?: string;
  readonly team_id?: string;
  readonly texts?: readonly string[];
  readonly pages?: number;
  readonly of?: string;
  readonly message?: string;
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class Driven {
  readonly events: ClientEvent[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #stderr = "";

  constructor(program: Program, url: string, token: string) {
    // A client that finds a proxy in the environment would ask it for 127.0.0.1.
    const own = Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name));
    const env = { ...Object.fromEntries(own), ...program.env, RINGWAY_URL: url, RINGWAY_TOKEN: token };
    this.#child = spawn(program.command, program.args, { env, stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stderr!.on("data", (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString("utf8")).slice(-8_000)));
    this.#exited = new Promise((resolve) => {
      this.#child.on("error", (error) => {
        this.#stderr += error.message;
        resolve(127);
      });
      this.#child.on("close", (code) => resolve(code));
    });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => this.events.push(JSON.parse(line) as ClientEvent));
    this.#child.stdin!.on("error", () => {
      // It ended; the wait for its next event says so.
    });
  }

  do(name: string, args: Readonly<Record<string, string>> = {}): void {
    this.#child.stdin!.write(`${JSON.stringify({ do: name, ...args })}\n`);
  }

  /** The first event from index `from` on that has this name and of which `holds` is true. */
  async event(name: string, holds: (event: ClientEvent) => boolean = () => true, from = 0): Promise<ClientEvent> {
    const found = await until(
      `'${name}' from the client`,
      () => {
        if (this.#child.exitCode !== null) return "ended";
        const failed = this.events.find((event, i) => i >= from && event.event === "error");
        return failed ?? this.events.find((event, i) => i >= from && event.event === name && holds(event));
      },
      30_000,
    ).catch((error: Error) => error);
    if (typeof found === "object" && "event" in found && found.event === name) return found;
    throw new Error(`no '${name}' from the client: ${found instanceof Error ? found.message : JSON.stringify(found)}\nevents: ${JSON.stringify(this.events.slice(-10))}\nstderr: ${this.#stderr}`);
  }

  count(name: string): number {
    return this.events.filter((event) => event.event === name).length;
  }

  /** Asks it to end and makes sure that it does, by its PID. */
  async stop(): Promise<void> {
    this.do("stop");
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.#exited;
    clearTimeout(killer);
  }
}
