/** Goals beside what was measured, for all benches. A miss is said, not hidden, and fails nothing: it is a measurement. */
export interface Goal {
  readonly goal: string;
  readonly measured: string;
  readonly passed: boolean;
}

/** Where a quick run had to leave the rows out. */
export const NOT_MEASURED = "not measured";

/** @param level of the heading in Markdown */
export function printGoals(goals: readonly Goal[], level = 2): void {
  if (goals.length === 0) return;
  console.log(`\n${"#".repeat(level)} Goals\n\n| goal | measured | |\n|:--|:--|:--|`);
  for (const { goal, measured, passed } of goals) console.log(`| ${goal} | ${measured} | ${measured === NOT_MEASURED ? "" : passed ? "met" : "**missed**"} |`);
}
