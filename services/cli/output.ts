/** Stops without a stack: what a person did wrong, or what is missing, on one line of stderr. */
export function complain(error: Error): void {
  process.stderr.write(`ringway: ${error.message.replaceAll("\n", " ")}\n`);
}

/** Prints lines; `over` what was printed before, where somebody looks: home, and below it nothing, without a flicker. */
export function print(lines: readonly string[], over = false): void {
  if (over && process.stdout.isTTY) process.stdout.write("\x1b[H\x1b[J");
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Rows as lines, each column as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
}
