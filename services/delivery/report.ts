/** A verdict for people and for programs. */
import type { Plan } from "./happened.ts";
import type { Stalls } from "./stalls.ts";
import { faultKinds, type FaultKind, type Verdict } from "./verify.ts";

/** Faults that are spelled out; the rest is counted. */
const faultsShown = 20;

/** How many faults of each kind. */
export function counts(verdict: Verdict): Record<FaultKind, number> {
  const found = Object.fromEntries(Object.keys(faultKinds).map((kind) => [kind, 0])) as Record<FaultKind, number>;
  for (const { kind } of verdict.faults) found[kind]++;
  return found;
}

/** @param seconds how long messages were sent */
export function lines(plan: Plan, verdict: Verdict & Stalls, seconds: number): string[] {
  const { faults, sent, acked, unacked, refused, shown, gaps, connections } = verdict;
  const repeats = Object.entries(refused).map(([reason, count]) => `${count} ${reason}`);
  const found = counts(verdict);
  return [
    `${plan.api}: ${plan.channels} channels, ${plan.writers} writers, ${plan.readers} readers, ${seconds.toFixed(1)} s, seed ${plan.seed}`,
    `  messages    ${sent} sent, ${acked} acked; not acked: ${unacked.present} in history, ${unacked.absent} not`,
    `  repeated    ${repeats.length === 0 ? "none" : repeats.join(", ")}`,
    `  deliveries  ${shown} at ${plan.readers} readers over ${connections} connections, ${gaps} gaps`,
    `  longest     ${ms(verdict.publishMs)} until an ack, ${ms(verdict.deliveryMs)} from an ack to a reader, ${ms(verdict.endToEndMs)} from end to end`,
    `  faults      ${Object.entries(found).map(([kind, count]) => `${kind} ${count}`).join(", ")}`,
    ...faults.slice(0, faultsShown).map(({ kind, text }) => `  ${kind}: ${text}`),
    ...(faults.length > faultsShown ? [`  … and ${faults.length - faultsShown} more`] : []),
    verdictOf(verdict),
  ];
}

/** The same for a program. */
export function summary(plan: Plan, verdict: Verdict & Stalls, seconds: number): Readonly<Record<string, unknown>> {
  const { tokens: _, ...rest } = plan;
  return { plan: rest, seconds, verdict: verdictOf(verdict), counts: counts(verdict), ...verdict };
}

export function verdictOf({ faults, acked }: Verdict): "kept" | "broken" | "nothing proven" {
  return faults.length > 0 ? "broken" : acked === 0 ? "nothing proven" : "kept";
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
