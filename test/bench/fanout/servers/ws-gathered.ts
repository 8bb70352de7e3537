/**
 * What a careful person makes of `ws`: a frame is built once for all subscribers, what one turn of the event loop has for a
 * channel is gathered, and each subscriber gets it in one write.
 */
import type { Duplex } from "node:stream";
import * as ws from "ws";

/** `ws` exports its Sender; its published types don't say so. */
const { Sender } = ws as unknown as { Sender: { frame(data: Uint8Array, options: object): Buffer[] } };

interface Channel {
  readonly subscribers: Set<Duplex>;
  gathered: Buffer[];
}
const channels = new Map<string, Channel>();
const waiting: Channel[] = [];

function flush(): void {
  for (const channel of waiting.splice(0)) {
    const bytes = Buffer.concat(channel.gathered);
    channel.gathered = [];
    for (const stream of channel.subscribers) stream.write(bytes);
  }
}

new ws.WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false }).on("connection", (socket) => {
  const stream = (socket as unknown as { _socket: Duplex })._socket;
  const mine: Channel[] = [];
  socket.on("message", (data: Buffer) => {
    if (data[0] === 0x50) {
      const channel = channels.get(data.toString("latin1", 1, 10));
      if (channel === undefined) return;
      if (channel.gathered.length === 0 && waiting.push(channel) === 1) setImmediate(flush);
      channel.gathered.push(...Sender.frame(data.subarray(10), { fin: true, rsv1: false, opcode: 1, mask: false, readOnly: true }));
      return;
    }
    for (const name of data.toString("latin1", 1).split(" ")) {
      let channel = channels.get(name);
      if (channel === undefined) channels.set(name, (channel = { subscribers: new Set(), gathered: [] }));
      channel.subscribers.add(stream);
      mine.push(channel);
    }
    socket.send("ok");
  });
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    for (const { subscribers } of mine) subscribers.delete(stream);
  });
});
