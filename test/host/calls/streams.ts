/** Contexts and streams: which one is meant, going on, closing, local answers, properties, foreign functions. */
import { Status, type HostCalls } from "../abi.ts";
import { rootOf, type Machine } from "../machine.ts";
import { readPairs } from "./fields.ts";

export function streamCalls(machine: Machine): HostCalls {
  const { memory } = machine;
  return {
    proxy_set_effective_context: (id: number): number => {
      const context = machine.contexts.get(id);
      if (context === undefined) return Status.badArgument;
      machine.effective = context;
      return Status.ok;
    },
    proxy_done: (): number => {
      const context = machine.effective;
      if (context === undefined || !context.pendingDone) return Status.notFound;
      context.pendingDone = false;
      return Status.ok;
    },
    proxy_continue_stream: (type: number): number => {
      const context = machine.effective;
      if (type > 3 || context === undefined || context.isRoot) return Status.badArgument;
      context.resumed.push(type);
      return Status.ok;
    },
    proxy_close_stream: (type: number): number => {
      const context = machine.effective;
      if (type > 3 || context === undefined || context.isRoot) return Status.badArgument;
      context.closed.push(type);
      return Status.ok;
    },
    proxy_get_status: (code: number, ptr: number, length: number): number => {
      memory.u32(code, machine.status.code);
      memory.give(Buffer.from(machine.status.message, "latin1"), ptr, length);
      return Status.ok;
    },
    proxy_send_local_response: (
      status: number, details: number, detailsSize: number, body: number, bodySize: number, headers: number, headersSize: number, grpcStatus: number,
    ): number => {
      const context = machine.effective;
      if (context === undefined || context.isRoot) return Status.badArgument;
      context.local = {
        status,
        details: memory.text(details, detailsSize),
        headers: readPairs(machine, headers, headersSize),
        body: memory.text(body, bodySize),
        grpcStatus,
      };
      return Status.ok;
    },
  };
}

export function propertyCalls(machine: Machine): HostCalls {
  const { memory, options } = machine;
  return {
    proxy_get_property: (path: number, size: number, ptr: number, length: number): number => {
      const name = memory.text(path, size).replaceAll("\0", ".");
      const given = name === "xds.node.locality.zone" ? options.zone : options.properties?.[name];
      const value = machine.effective?.properties.get(name) ?? (given === undefined ? undefined : Buffer.from(given, "latin1"));
      if (value === undefined) return Status.notFound;
      memory.give(value, ptr, length);
      return Status.ok;
    },
    proxy_set_property: (path: number, size: number, value: number, valueSize: number): number => {
      const context = machine.effective ?? rootOf(machine);
      if (context === undefined) return Status.notFound;
      context.properties.set(memory.text(path, size).replaceAll("\0", "."), Buffer.from(memory.bytes(value, valueSize)));
      return Status.ok;
    },
    proxy_call_foreign_function: (name: number, size: number, args: number, argsSize: number, ptr: number, length: number): number => {
      const found = options.foreign?.[memory.text(name, size)];
      if (found === undefined) return Status.notFound;
      memory.give(found(Buffer.from(memory.bytes(args, argsSize))), ptr, length);
      return Status.ok;
    },
  };
}
