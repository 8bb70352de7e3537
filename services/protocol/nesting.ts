import { limits } from "./limits.ts";

/**
 * Whether JSON text nests objects and arrays deeper than `limits.jsonDepth`. V8 reads JSON of any depth but throws when it is to
 * write what is nested some thousand levels deep, so every door that takes a stranger's JSON asks this first.
 */
export function nestedTooDeep(text: string): boolean {
  if (text.length <= 2 * limits.jsonDepth) return false;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++; // backslash: what follows is escaped
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > limits.jsonDepth) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}
