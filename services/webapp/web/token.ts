/** The token of who sits here: kept for as long as the tab is open, and told to nobody but the server. */
import { RingwayClient } from "@ringway/client";

const place = "ringway.token";

export interface DemoUser {
  readonly name: string;
  readonly realName: string;
  readonly token: string;
}

export function keptToken(): string | undefined {
  return sessionStorage.getItem(place) ?? undefined;
}

export function keepToken(token: string): void {
  sessionStorage.setItem(place, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(place);
}

/** @returns the user's ID. @throws RingwayError */
export async function whoIs(token: string): Promise<string> {
  return String((await new RingwayClient({ url: location.origin, token }).call("auth.test"))["user_id"]);
}

/** Nobody, outside of development mode. */
export async function demoUsers(): Promise<readonly DemoUser[]> {
  try {
    return ((await (await fetch("/demo.json")).json()) as { users: DemoUser[] }).users;
  } catch {
    return [];
  }
}
