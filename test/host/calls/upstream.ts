/** HTTP and gRPC calls. They wait in `calls` and `grpcCalls` until the test answers. */
import { Status, type HostCalls } from "../abi.ts";
import { rootOf, type GrpcCall, type Machine } from "../machine.ts";
import { readPairs } from "./fields.ts";

export function upstreamCalls(machine: Machine): HostCalls {
  const { memory, options } = machine;
  const known = (cluster: string): boolean => (options.clusters ?? ["charm"]).includes(cluster);
  const open = (id: number): GrpcCall | undefined => machine.grpcCalls.find((call) => call.id === id);
  const drop = (id: number): number => {
    const at = machine.grpcCalls.findIndex((call) => call.id === id);
    if (at < 0) return Status.notFound;
    machine.grpcCalls.splice(at, 1);
    return Status.ok;
  };
  const startGrpc = (
    [upstream, upstreamSize, service, serviceSize, method, methodSize, metadata, metadataSize]: number[], message: Buffer | undefined, returnId: number,
  ): number => {
    const name = memory.text(upstream!, upstreamSize!);
    const root = rootOf(machine);
    if (!known(name) || root === undefined) return Status.parseFailure;
    const call: GrpcCall = {
      id: machine.nextCallId(),
      root: root.id,
      upstream: name,
      service: memory.text(service!, serviceSize!),
      method: memory.text(method!, methodSize!),
      metadata: readPairs(machine, metadata!, metadataSize!),
      messages: message === undefined ? [] : [message],
      stream: message === undefined,
      ended: message !== undefined,
    };
    machine.grpcCalls.push(call);
    memory.u32(returnId, call.id);
    return Status.ok;
  };
  return {
    proxy_http_call: (
      cluster: number, clusterSize: number, headers: number, headersSize: number, body: number, bodySize: number,
      trailers: number, trailersSize: number, timeoutMs: number, id: number,
    ): number => {
      const name = memory.text(cluster, clusterSize);
      const pairs = readPairs(machine, headers, headersSize);
      const root = rootOf(machine);
      const complete = [":method", ":path", ":authority"].every((wanted) => pairs.some(([at]) => at === wanted));
      if (!known(name) || !complete || root === undefined) return Status.badArgument;
      const call = {
        id: machine.nextCallId(),
        root: root.id,
        cluster: name,
        headers: pairs,
        body: Buffer.from(memory.bytes(body, bodySize)),
        trailers: readPairs(machine, trailers, trailersSize),
        timeoutMs,
      };
      machine.calls.push(call);
      memory.u32(id, call.id);
      return Status.ok;
    },
    proxy_grpc_call: (...args: number[]): number => startGrpc(args.slice(0, 8), Buffer.from(memory.bytes(args[8]!, args[9]!)), args[11]!),
    proxy_grpc_stream: (...args: number[]): number => startGrpc(args.slice(0, 8), undefined, args[8]!),
    proxy_grpc_send: (id: number, message: number, size: number, end: number): number => {
      const call = open(id);
      if (call === undefined) return Status.notFound;
      if (!call.stream || call.ended) return Status.badArgument;
      call.messages.push(Buffer.from(memory.bytes(message, size)));
      call.ended = end !== 0;
      return Status.ok;
    },
    proxy_grpc_cancel: drop,
    proxy_grpc_close: drop,
  };
}
