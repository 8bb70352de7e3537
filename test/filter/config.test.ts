import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProxyHost } from "../host/host.ts";
import { DEV_KEY } from "../../services/ring/key.ts";
import { configuration } from "./setup.ts";

const topology = { cluster: "charm" };

function configure(text: string): { configured: boolean; log: string; tickPeriodMs: number } {
  const vm = new ProxyHost().start({ configuration: text });
  return { configured: vm.configured, log: vm.lastLog, tickPeriodMs: vm.tickPeriodMs };
}

describe("the plugin configuration", () => {
  test("the least and the most that it takes", () => {
    expect(configure(configuration())).toEqual({ configured: true, log: "", tickPeriodMs: 20 });
    const full = { zone: "z1", topology: { cluster: "charm", key: "a/b.bin", tickMs: 50, waitMs: 5000 } };
    expect(configure(configuration(full))).toEqual({ configured: true, log: "", tickPeriodMs: 50 });
    expect(configure(` {"routes" : ["gat\\u0065way"],\n"hashKey":"${DEV_KEY.toUpperCase()}", "topology":{"cluster":"c"}} `).configured).toBe(true);
  });

  test.each([
    ["", "configuration: not a JSON object"],
    ["[]", "configuration: not a JSON object"],
    ["{}", "hashKey: missing"],
    ["{", "configuration: malformed JSON"],
    ["\n\x07\n\x03key\x12\0", "configuration: not JSON but protobuf bytes; write it as a StringValue"],
    [`${configuration()}x`, "configuration: something follows the object"],
    [configuration({ routes: undefined }), "routes: missing"],
    [configuration({ topology: undefined }), "topology: missing"],
    [configuration({ topology: {} }), "topology.cluster: missing"],
    [configuration({ colour: 1 }), "colour: unknown field"],
    [configuration({ topology: { cluster: "charm", wait: 1 } }), "topology.wait: unknown field"],
    [configuration({ hashKey: 5 }), "hashKey: not a string of 32 hexadecimal digits"],
    [configuration({ hashKey: DEV_KEY.slice(1) }), "hashKey: not a string of 32 hexadecimal digits"],
    [configuration({ hashKey: `${DEV_KEY.slice(1)}g` }), "hashKey: not a string of 32 hexadecimal digits"],
    [configuration({ hashKey: `${DEV_KEY.slice(1)}Ā` }), "hashKey: not a string of 32 hexadecimal digits"],
    [configuration({ routes: "gateway" }), "routes: not a list"],
    [configuration({ routes: [] }), "routes: not a list of strings with at least one"],
    [configuration({ routes: ["gateway", "edge"] }), 'routes: unknown route "edge"'],
    [configuration({ topology: { cluster: 1 } }), "topology.cluster: not a string of 1..200 characters [A-Za-z0-9._/-]"],
    [configuration({ topology: { cluster: "a", key: "a?b" } }), "topology.key: not a string of 1..200 characters [A-Za-z0-9._/-]"],
    [configuration({ topology: { ...topology, tickMs: 4 } }), "topology.tickMs: not a whole number 5..1000"],
    [configuration({ topology: { ...topology, tickMs: "20" } }), "topology.tickMs: not a whole number 5..1000"],
    [configuration({ topology: { ...topology, tickMs: 20.5 } }), "topology.tickMs: not a whole number 5..1000"],
    [configuration({ topology: { ...topology, tickMs: 20 } }).replace("20}", "020}"), "topology.tickMs: not a whole number 5..1000"],
    [configuration({ topology: { ...topology, waitMs: 1e15 } }), "topology.waitMs: not a whole number 100..300000"],
    [configuration({ zone: null }), "zone: not a string of at most 64 visible ASCII characters"],
    [configuration({ zone: "a b" }), "zone: not a string of at most 64 visible ASCII characters"],
    [configuration().replace("{", `{"hashKey":"${DEV_KEY}",`), "hashKey: given twice"],
  ])("%j is refused by name", (text, complaint) => {
    expect(configure(text)).toEqual({ configured: false, log: `plugin configuration: ${complaint}`, tickPeriodMs: 0 });
  });

  test("no bytes at all make it trap, and only whole configurations are taken", () => {
    const good = configuration({ zone: "z", topology: { cluster: "charm", key: "k", tickMs: 20, waitMs: 1000 } });
    const host = new ProxyHost();
    const vm = host.start({ configuration: good });
    const damaged = fc.tuple(fc.nat(good.length), fc.nat(good.length), fc.oneof(fc.string(), fc.constantFrom('"', "\\", "\\u", "{", "}", ",", "0", "-", "")));
    const text = fc.oneof(damaged.map(([from, cut, put]) => good.slice(0, from) + put + good.slice(from + cut)), fc.json(), fc.string());
    // A failing run prints its seed and the text.
    fc.assert(
      fc.property(text, (candidate) => {
        const { root, configured } = vm.addPlugin(candidate);
        vm.removePlugin(root);
        if (configured) JSON.parse(candidate);
      }),
      { numRuns: 3000 },
    );
  });
});
