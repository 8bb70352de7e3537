/** The chat page's door: what its headers say, and who may be chosen by a click. */
import { pageHeaders } from "../runtime/built-page.ts";
import { devPeople } from "./dev.ts";

/** Besides its own place it may open sockets to this very host. */
export function chatHeaders({ secure, host }: { readonly secure: boolean; readonly host: string }): Readonly<Record<string, string>> {
  return { ...pageHeaders(`${secure ? "wss" : "ws"}://${host}`), "content-type": "text/html; charset=utf-8", "cache-control": "no-store" };
}

/** What `/demo.json` answers: who may be chosen by a click, which is nobody outside of development. */
export function demoUsers(dev: boolean): { readonly users: readonly { readonly name: string; readonly realName: string; readonly token: string }[] } {
  return { users: dev ? devPeople : [] };
}
