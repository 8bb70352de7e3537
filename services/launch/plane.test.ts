import { expect, test } from "vitest";
import { DEV_KEY } from "../ring/key.ts";
import { readConfig } from "./config.ts";
import { serviceSpecs } from "./plane.ts";
import { planPorts } from "./ports.ts";

const webappOf = (...argv: string[]): readonly string[] => {
  const config = readConfig(argv);
  return serviceSpecs(config, planPorts(config.port, config), "/data", DEV_KEY).find(({ role }) => role === "webapp")!.args;
};

test("webapp serves the chat page, unless it is told not to", () => {
  expect(webappOf()).toContain("--chat");
  expect(webappOf("--chat", "off")).not.toContain("--chat");
  expect(() => webappOf("--chat", "maybe")).toThrow("--chat must be one of on, off, not 'maybe'");
});
