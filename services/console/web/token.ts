/** The operator's token: given by the fragment of the address, or by hand, and kept for this tab alone. */
const key = "ringway-operator-token";

/** Moves a token out of the address, where it would stay in the history. */
export function takeToken(): string | undefined {
  const given = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (given !== undefined) {
    keepToken(decodeURIComponent(given));
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(key) ?? undefined;
}

export function keepToken(token: string): void {
  sessionStorage.setItem(key, token);
}

export function dropToken(): void {
  sessionStorage.removeItem(key);
}
