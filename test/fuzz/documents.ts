/** Topology documents of every shape: what is not sound is counted and dropped, and the last good ring goes on. */
import fc from "fast-check";
import { ProxyHost } from "../host/host.ts";
import { configuration, deliver, ring, seal, servers } from "../filter/setup.ts";
import type { Run } from "./run.ts";

const good = seal(5, { channel: servers("cs", 20, 7001), presence: servers("ps", 3, 7101) }).binary;
const next = seal(6, { channel: servers("other", 9, 8001), gateway: servers("gw", 4, 8201) }).binary;
const older = [1, 4, 5].map((epoch) => seal(epoch, { channel: servers("old", 3, 9001) }).binary);
const DOCUMENT_BYTES_MAX = 256 * 1024;

/** Puts a sound seal under whatever the bytes are: what only a charm with a fault could send. */
function reseal(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes);
  if (copy.length >= 8) copy.writeBigUInt64LE(ring.sipHash24(copy.subarray(0, copy.length - 8)), copy.length - 8);
  return copy;
}

function put(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = value;
  return copy;
}

const flipped = fc.tuple(fc.nat(next.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => put(next, at, next[at]! ^ flip));
const truncated = fc.nat(next.length - 1).map((length) => next.subarray(0, length));
const oversized = fc.integer({ min: 1, max: 70_000 }).map((more) => Buffer.concat([next, Buffer.alloc(DOCUMENT_BYTES_MAX - next.length + more)]));
const version = fc.integer({ min: 2, max: 255 }).map((byte) => reseal(put(next, 4, byte)));
const noise = fc.uint8Array({ maxLength: 400 });

/** None of these is taken. */
export function documents(parameters: Run): void {
  const host = new ProxyHost();
  const vm = host.start({ configuration: configuration() });
  deliver(host, good);
  const before = JSON.stringify(vm.request("/v1/channels/C1"));
  let index = 10;
  const bad = fc.oneof({ weight: 8, arbitrary: flipped }, { weight: 4, arbitrary: truncated }, { weight: 4, arbitrary: noise }, { weight: 1, arbitrary: oversized }, { weight: 2, arbitrary: version }, { weight: 2, arbitrary: fc.constantFrom(...older) });
  fc.assert(
    fc.property(bad, (bytes) => {
      const rejected = host.metric("ringway_topology_rejected");
      deliver(host, bytes, ++index);
      if (JSON.stringify(vm.request("/v1/channels/C1")) !== before) throw new Error("the ring was replaced");
      if (host.metric("ringway_topology_rejected") !== rejected + 1) throw new Error("not counted as rejected");
    }),
    parameters,
  );
  deliver(host, next, ++index);
  if (host.metric("ringway_epoch") !== 6) throw new Error("a sound document after the bad ones was not taken");
}

/** A sound seal over anything: either refused, or every host it leads to stands in the document. */
export function sealedDocuments(parameters: Run): void {
  const edits = fc.array(fc.tuple(fc.nat(next.length - 9), fc.nat(255)), { minLength: 1, maxLength: 4 });
  const edited = edits.map((list) => list.reduce((bytes, [at, value]) => put(bytes, at, value), next));
  const cut = fc.integer({ min: 8, max: next.length }).map((length) => next.subarray(0, length));
  fc.assert(
    fc.property(fc.oneof(edited, cut, noise), (bytes) => {
      const sealed = reseal(bytes);
      const host = new ProxyHost();
      const vm = host.start({ configuration: configuration() });
      deliver(host, sealed);
      const text = Buffer.from(sealed).toString("latin1");
      for (const path of ["/v1/channels/C1", "/v1/presence/users/U1", "/ws/U1.x", "/v1/links/channel/other-1"]) {
        const { headers, local } = vm.request(path);
        const list = headers.find(([name]) => name === "x-ringway-upstream")?.[1].split(",") ?? [];
        if (local === undefined ? list.length === 0 : local.status !== 503) throw new Error(`${path} got neither a list nor 503`);
        for (const address of list) if (!text.includes(address)) throw new Error(`${address} is not of this document`);
      }
    }),
    parameters,
  );
}
