/** Stops without a stack: what a person did wrong, or what is missing, on one line of stderr. */
export function complain(error: Error): void {
  process.stderr.write(`ringway: ${error.message.replaceAll("\n", " ")}\n`);
}
