/** The operator's token: given by the fragment of the address, or by hand, and kept for this tab alone. */
const key = "ringway-operator-token";

export interface Given {
  readonly token: string | undefined;
  /** why what the address held is no token */
  readonly why?: string;
}

/** Why a text is no token; undefined = it may be one. What cannot stand in a header is none. */
export function wrongToken(text: string): string | undefined {
  return /^[\x21-\x7e]+$/.test(text) ? undefined : "A token is visible ASCII characters without spaces.";
}

/** Moves a token out of the address, where it would stay in the history; also one that is none. */
export function takeToken(): Given {
  const given = /^#token=(.*)$/.exec(location.hash)?.[1];
  if (given === undefined) return { token: sessionStorage.getItem(key) ?? undefined };
  history.replaceState(null, "", location.pathname);
  const token = decoded(given);
  if (token === undefined) return { token: undefined, why: "The token in the address is not valid percent-encoding." };
  const why = wrongToken(token);
  if (why !== undefined) return { token: undefined, why };
  keepToken(token);
  return { token };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export function keepToken(token: string): void {
  sessionStorage.setItem(key, token);
}

export function dropToken(): void {
  sessionStorage.removeItem(key);
}
