import { connect } from "node:net";

/** Longest wait for a connection, ms. */
const probeMs = 200;

/**
 * Whether nothing listens at `address` (ip:port) any more: the connection is refused or reset. A timeout, or any other
 * trouble, is no evidence: the server may be alive behind a broken path.
 */
export function isGone(address: string): Promise<boolean> {
  const colon = address.lastIndexOf(":");
  return new Promise((resolve) => {
    const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) });
    const settle = (gone: boolean): void => {
      socket.destroy();
      resolve(gone);
    };
    socket.setTimeout(probeMs, () => settle(false));
    socket.once("connect", () => settle(false));
    socket.once("error", ({ code }: NodeJS.ErrnoException) => settle(code === "ECONNREFUSED" || code === "ECONNRESET"));
  });
}
