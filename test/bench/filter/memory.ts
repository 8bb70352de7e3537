/** Whether the VM grows: exactly, in the emulator, which sees the module's memory; and as an Envoy's resident memory. */
import { ProxyHost } from "../../host/host.ts";
import { configuration, deliver, seal, servers } from "../../filter/setup.ts";
import { Bench } from "./cell.ts";
import type { Variant } from "./config.ts";
import type { Fact } from "../facts.ts";

const WARM_UP = 100_000;

/**
 * @param requests put through the emulator
 * @param throughEnvoy put through a real Envoy as well; 0 for none
 */
export async function vmMemory(ringway: Variant, requests: number, throughEnvoy: number): Promise<Fact[]> {
  const host = new ProxyHost();
  const vm = host.start({ configuration: configuration() });
  deliver(host, seal(1, { channel: servers("cs", 100, 7001) }).binary);
  const ask = (i: number): void => void vm.request(`/v1/channels/C${i}/messages`, [["user-agent", "ringway-bench/1"]]);
  for (let i = 0; i < 1_000; i++) ask(i);
  const before = vm.memoryBytes;
  for (let i = 0; i < requests; i++) ask(i);
  const facts: Fact[] = [
    { name: "VM memory (emulator)", value: before / 1024, unit: "KiB" },
    { name: "VM memory growth (emulator)", value: vm.memoryBytes - before, unit: `B in ${requests.toLocaleString("en")} requests` },
  ];
  if (throughEnvoy === 0) return facts;
  const bench = await Bench.start(ringway, 100);
  try {
    await bench.slice(120_000, WARM_UP);
    const started = await bench.envoy.rssKiB();
    await bench.slice(600_000, throughEnvoy);
    const grown = (await bench.envoy.rssKiB()) - started;
    const count = (bench.requests - WARM_UP).toLocaleString("en");
    return [...facts, { name: "resident memory of Envoy after warm-up", value: started, unit: "KiB" }, { name: "its growth", value: grown, unit: `KiB in ${count} requests` }];
  } finally {
    await bench.stop();
  }
}
