import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type PeerCertificate } from "node:tls";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Authority, mount, secretFiles, type Identity } from "../../test/engines/authority.ts";
import { UsageError } from "./flags.ts";
import { createHttp, type HttpDoor } from "./http.ts";
import { createLog } from "./log.ts";
import { ask } from "./request.ts";
import { acceptSockets, connectSocket, type Socket } from "./socket.ts";
import { takeIdentity, urlOf } from "./tls.ts";

const log = createLog("test", "tls", "silent");
const doorOf = (clients?: "anybody"): HttpDoor => createHttp({ "GET /who": () => ({ status: 200, body: "me" }) }, log, clients === undefined ? {} : { clients });
let folder: string;
let [ours, theirs]: Authority[] = [];
let door: HttpDoor;
let address: string;
let plain: HttpDoor;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ringway-tls-"));
  [ours, theirs] = await Promise.all([Authority.make(), Authority.make()]);
  plain = doorOf();
  expect(urlOf("127.0.0.1:1")).toBe("http://127.0.0.1:1");
  await mount(folder, secretFiles(await ours!.issue("URI:ringway://channel/cs-0")));
  takeIdentity({ tlsCertFile: join(folder, "tls.crt"), tlsKeyFile: join(folder, "tls.key"), tlsCaFile: join(folder, "ca.crt") }, "channel", log);
  door = doorOf();
  acceptSockets(door.server, 1_000, () => (socket) => ({ text: (text) => void socket.send(`${text}!`), binary: () => undefined, closed: () => undefined }));
  address = await door.listen("127.0.0.1:0");
});
afterAll(async () => {
  await Promise.all([door.close(0), plain.close(0), ours?.remove(), theirs?.remove()]);
  await rm(folder, { recursive: true, force: true });
});

const port = (at: string): number => Number(at.split(":")[1]);

/** Asks with just this identity, or none, whoever answers. @returns the status, or the error's code */
function askAs(identity: Partial<Identity>, at = address): Promise<number | string> {
  return new Promise((resolve) => {
    const req = request({ host: "127.0.0.1", port: port(at), path: "/who", ...identity, rejectUnauthorized: false, agent: false }, (res) => resolve(res.resume().statusCode!));
    req.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code ?? "?"));
    req.end();
  });
}

describe("a listener with an identity", () => {
  test("answers whoever has one of the same CA: requests and WebSockets", async () => {
    expect(urlOf(address)).toBe(`https://${address}`);
    expect((await ask(`${urlOf(address)}/who`)).bytes.toString()).toBe("me");
    let said: (text: string) => void;
    const heard = new Promise<string>((resolve) => (said = resolve));
    const socket: Socket = await connectSocket(`wss://${address}/`, 1_000, 5_000, () => ({ text: (text) => said(text), binary: () => undefined, closed: () => undefined }));
    socket.send("hello");
    expect(await heard).toBe("hello!");
    socket.destroy();
  });

  test.each<[string, () => Promise<Partial<Identity>>]>([
    ["no certificate", () => Promise.resolve({})],
    ["one of another CA", () => theirs!.issue("URI:ringway://gateway/gw-0")],
    ["one of the CA without a Ringway name", () => ours!.issue("DNS:gw-0.internal")],
    ["one that is over", () => ours!.issue("URI:ringway://gateway/gw-0", -1)],
  ])("refuses who has %s", async (_what, identity) => {
    expect(await askAs(await identity())).toMatch(/^E(CONNRESET|PIPE|RR_SSL_)/);
    expect((await ask(`${urlOf(address)}/who`)).status).toBe(200);
  });

  test("says nothing to who speaks plain HTTP", async () => {
    await expect(ask(`http://${address}/who`)).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  test("for people's browsers asks for no certificate", async () => {
    const page = doorOf("anybody");
    expect(await askAs({}, await page.listen("127.0.0.1:0"))).toBe(200);
    await page.close(0);
  });
});

describe("who asks with an identity", () => {
  async function serve(identity: Identity): Promise<{ url: string; close: () => void }> {
    const server = createHttpsServer(identity, (_req, res) => res.end("{}"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => (server.close(), server.closeAllConnections()) };
  }

  test.each<[string, () => Promise<Identity>, string | undefined]>([
    ["a Ringway name", () => ours!.issue("URI:ringway://webapp/w"), undefined],
    ["the host's own name, as a Consul", () => ours!.issue("IP:127.0.0.1"), undefined],
    ["another host's name", () => ours!.issue("DNS:elsewhere"), "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["a Ringway name of another CA", () => theirs!.issue("URI:ringway://webapp/w"), "SELF_SIGNED_CERT_IN_CHAIN"],
  ])("a server with %s", async (_what, identity, code) => {
    const { url, close } = await serve(await identity());
    const answer = ask(url);
    if (code === undefined) expect((await answer).status).toBe(200);
    else await expect(answer).rejects.toMatchObject({ code });
    close();
  });

  test("is not heard where nobody speaks TLS", async () => {
    const server = createHttpServer((_req, res) => res.end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await expect(ask(`https://127.0.0.1:${(server.address() as AddressInfo).port}`)).rejects.toMatchObject({ code: expect.stringMatching(/^E(PROTO|RR_SSL)/) as unknown });
    server.close();
  });
});

describe("files that change", () => {
  /** Of a new connection. */
  function served(): Promise<PeerCertificate> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: port(address), rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate());
        socket.destroy();
      });
      socket.on("error", reject);
    });
  }
  const renew = async (identity: Identity): Promise<void> => {
    await mount(folder, secretFiles(identity));
    process.emit("SIGHUP");
  };

  test("are read at SIGHUP: new connections, in and out, have the new certificate, open ones go on", async () => {
    const before = await served();
    const open = await connectSocket(`wss://${address}/`, 1_000, 5_000, (socket) => ({ text: (text) => void (text === "on!" && socket.close(1000, "")), binary: () => undefined, closed: () => undefined }));
    const next = await ours!.issue("URI:ringway://channel/cs-0");
    await renew(next);
    expect((await served()).serialNumber === before.serialNumber).toBe(false);
    expect((await ask(`${urlOf(address)}/who`)).status).toBe(200);
    open.send("on");
    await vi.waitFor(() => expect(open.send("on")).toBe(0));
  });

  test("may be of a new CA, by way of both", async () => {
    const { cert, key } = await ours!.issue("URI:ringway://channel/cs-0");
    await renew({ cert, key, ca: ours!.ca + theirs!.ca });
    await renew({ ...(await theirs!.issue("URI:ringway://channel/cs-0")), ca: ours!.ca + theirs!.ca });
    expect((await ask(`${urlOf(address)}/who`)).status).toBe(200);
    expect(await askAs(await ours!.issue("URI:ringway://gateway/gw-0"))).toBe(200);
    await renew(await theirs!.issue("URI:ringway://channel/cs-0"));
    expect((await ask(`${urlOf(address)}/who`)).status).toBe(200);
    expect(await askAs(await ours!.issue("URI:ringway://gateway/gw-0"))).toMatch(/^E/);
  });

  test("that don't go together leave what was, until they do", async () => {
    const before = await served();
    const next = await theirs!.issue("URI:ringway://channel/cs-0");
    await writeFile(join(folder, "tls.crt"), next.cert);
    process.emit("SIGHUP");
    expect((await served()).serialNumber).toBe(before.serialNumber);
    expect((await ask(`${urlOf(address)}/who`)).status).toBe(200);
    await writeFile(join(folder, "tls.key"), next.key);
    process.emit("SIGHUP");
    expect((await served()).serialNumber === before.serialNumber).toBe(false);
    expect((await ask(`${urlOf(address)}/who`)).status).toBe(200);
  });

  test("that OpenSSL refuses, or that are away, leave what was, and the log says it once", async () => {
    const before = await served();
    const complaint = vi.spyOn(log, "error");
    const next = await theirs!.issue("URI:ringway://channel/cs-0");
    await renew({ ...next, cert: next.cert + next.cert.slice(0, 200) });
    process.emit("SIGHUP");
    expect(complaint).toHaveBeenCalledTimes(1);
    await rm(join(folder, "tls.crt"));
    process.emit("SIGHUP");
    expect(complaint).toHaveBeenCalledTimes(2);
    expect((await served()).serialNumber).toBe(before.serialNumber);
    expect((await ask(`${urlOf(address)}/who`)).status).toBe(200);
    complaint.mockRestore();
  });

  test("that are not valid yet are taken when they are, without another change", async () => {
    const before = await served();
    const next = await theirs!.issue("URI:ringway://channel/cs-0");
    vi.useFakeTimers({ now: Date.now() - 3_600_000, toFake: ["Date"] });
    try {
      await renew(next);
    } finally {
      vi.useRealTimers();
    }
    expect((await served()).serialNumber).toBe(before.serialNumber);
    process.emit("SIGHUP");
    expect((await served()).serialNumber === before.serialNumber).toBe(false);
    expect((await ask(`${urlOf(address)}/who`)).status).toBe(200);
  });
});

test("one flag, or two, are no identity", () => {
  expect(() => takeIdentity({ tlsCertFile: "/x", tlsKeyFile: "", tlsCaFile: "" })).toThrow(new UsageError("--tls-cert-file, --tls-key-file and --tls-ca-file go together: give all three, or none"));
});
