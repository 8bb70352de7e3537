/** Socket.IO as its documentation has it: a channel is a room. */
import { Server } from "socket.io";

const io = new Server({ transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => {
  socket.on("subscribe", async (rooms: string[]) => {
    await socket.join(rooms);
    socket.emit("subscribed");
  });
  socket.on("publish", (room: string, payload: string) => io.to(room).emit("message", payload));
});
io.listen(Number(process.argv[2]));
