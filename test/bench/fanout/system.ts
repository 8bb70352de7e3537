/** What is compared. One file per system in systems/: how it is started, and which driver of the load talks to it. */
import type { Provided, Target } from "./load/driver.ts";
import type { Shape } from "./shape.ts";

/** A process that belongs to a system; a ServerProcess is one. */
export interface Part {
  readonly name: string;
  readonly pid: number;
  /** whether SIGUSR2 makes it collect its garbage */
  readonly collects: boolean;
}

export interface Started {
  /** All its processes: what they use is added up. */
  readonly parts: readonly Part[];
  /** Where clients connect. */
  readonly target: Target;
  /** Makes what a cell needs, as users and channels. @returns what the driver must know of it */
  provide?(shape: Shape): Promise<Provided>;
  stop(): Promise<void>;
}

export interface System {
  readonly name: string;
  /** a name in load/drivers.ts */
  readonly driver: string;
  /** An Envoy is part of it. */
  readonly usesEnvoy?: boolean;
  /** Names of the only ones that it takes part in. */
  readonly scenarios?: readonly string[];
  /** It takes part where it is asked for by name, and nowhere else. */
  readonly isVariant?: boolean;
  /** Why it can't run here, in one line. */
  missing?(): Promise<string | undefined>;
  /**
   * Starts it, on core 0.
   * @param prepared what the driver's `prepare` gave
   */
  start(prepared: Readonly<Record<string, string>>): Promise<Started>;
}
