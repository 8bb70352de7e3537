/** The plainest server there is: `ws`, and for each message a loop over the subscribers with a `send` each. */
import { WebSocketServer, type WebSocket } from "ws";

const channels = new Map<string, Set<WebSocket>>();

new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false }).on("connection", (socket) => {
  const mine: Set<WebSocket>[] = [];
  socket.on("message", (data: Buffer) => {
    const text = data.toString();
    if (text[0] === "P") {
      const payload = text.slice(10);
      for (const subscriber of channels.get(text.slice(1, 10)) ?? []) subscriber.send(payload);
      return;
    }
    for (const name of text.slice(1).split(" ")) {
      let subscribers = channels.get(name);
      if (subscribers === undefined) channels.set(name, (subscribers = new Set()));
      subscribers.add(socket);
      mine.push(subscribers);
    }
    socket.send("ok");
  });
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    for (const subscribers of mine) subscribers.delete(socket);
  });
});
