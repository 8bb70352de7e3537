import type { Chat } from "./chat.ts";
import { inMs } from "./hops.ts";

/** How the page is connected, and what the server or the page has to say. */
export function Badge({ chat }: { readonly chat: Chat }) {
  const { connection, client, notice } = chat;
  const waiting = client.waiting === 0 ? "" : `, ${client.waiting} ${client.waiting === 1 ? "message waits" : "messages wait"}`;
  return (
    <footer class="badge">
      <p role="status" class={`phase ${connection.phase}`}>
        {connection.phase === "connected" ? `Connected to ${connection.gateway}` : connection.phase === "waiting" ? `Not connected (${connection.why}): trying again` : connection.phase === "connecting" ? "Connecting …" : "Closed"}
        {waiting}
      </p>
      {client.roundTripMs !== undefined && <p class="hint">{inMs(client.roundTripMs)} to the gateway and back</p>}
      <p role="alert" class="wrong">
        {notice}
      </p>
      {notice !== "" && (
        <button type="button" onClick={() => chat.say("")}>
          Close<span class="hidden"> this notice</span>
        </button>
      )}
    </footer>
  );
}
