/** The names that have a value, with it. */
export function present<T>(names: readonly string[], valueOf: (name: string) => T | undefined): Map<string, T> {
  const found = new Map<string, T>();
  for (const name of names) {
    const value = valueOf(name);
    if (value !== undefined) found.set(name, value);
  }
  return found;
}
