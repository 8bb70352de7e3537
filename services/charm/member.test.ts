import { expect, test } from "vitest";
import type { Instance } from "../registry/client.ts";
import { readMembers } from "./member.ts";

const instance = (id: string, addr: string, passing: boolean): Instance => ({ id, addr, meta: { zone: "a", weight: "100" }, passing });

test("a server that is back on another host counts, not what its dead host has left in the registry, whichever comes first", () => {
  const [dead, back] = [instance("cs-1", "10.0.0.1:8090", false), instance("cs-1", "10.0.0.2:8090", true)];
  for (const order of [[dead, back], [back, dead]]) {
    const { members, ignored } = readMembers("channel", order);
    expect([...members.values()].map(({ addr, passing }) => [addr, passing])).toEqual([["10.0.0.2:8090", true]]);
    expect([...ignored]).toEqual([["cs-1", "channel: the ID is registered twice"]]);
  }
});

test("of two that pass under one ID the first in the registry counts", () => {
  const { members, ignored } = readMembers("channel", [instance("cs-1", "10.0.0.1:8090", true), instance("cs-1", "10.0.0.2:8090", true)]);
  expect([...members.values()].map(({ addr }) => addr)).toEqual(["10.0.0.1:8090"]);
  expect([...ignored.keys()]).toEqual(["cs-1"]);
});

test("what can't be a member is said with its reason", () => {
  const { members, ignored } = readMembers("gateway", [instance("gw 1", "10.0.0.1:8090", true), instance("gw-2", "host:8090", true)]);
  expect([...members.keys()]).toEqual([]);
  expect(Object.fromEntries(ignored)).toEqual({ "gw 1": "gateway: the ID is not 1..64 characters of [A-Za-z0-9_-]", "gw-2": "gateway: the address 'host:8090' is not ip:port" });
});
