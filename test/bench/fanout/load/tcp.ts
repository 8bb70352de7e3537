/** Client sockets that cost the load as little as Node allows: all of them read into one buffer. */
import { connect, type Socket } from "node:net";

export interface Address {
  readonly host: string;
  readonly port: number;
}

const shared = Buffer.allocUnsafeSlow(256 * 1024);

/** Takes bytes and says how many of them it has used; the others come again, with more. They are valid within the call only. */
export type Take = (data: Buffer, start: number, end: number) => number;

/**
 * @param take reads what comes
 * @param closed called when the other side ended it, or it broke; not after `destroy`
 */
export function openTcp({ host, port }: Address, take: Take, closed: (why: string) => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let rest: Buffer | undefined;
    const onread = (length: number): boolean => {
      const data = rest === undefined ? shared : Buffer.concat([rest, shared.subarray(0, length)]);
      const end = rest === undefined ? length : data.length;
      const used = take(data, 0, end);
      rest = used < end ? Buffer.from(data.subarray(used, end)) : undefined;
      return true;
    };
    const socket = connect({ host, port, noDelay: true, onread: { buffer: shared, callback: onread } });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.removeListener("error", reject);
      socket.on("error", (error) => closed(error.message));
      socket.on("end", () => closed("the other side closed it"));
      resolve(socket);
    });
  });
}
