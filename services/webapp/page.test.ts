import { expect, test } from "vitest";
import { renderPage } from "./page.ts";

test("what others named is shown as text, never as markup", () => {
  const none = { servers: [], pins: [], tableDigest: "" };
  const evil = { id: '<script>"&\'', addr: "", zone: "z", weight: 1, state: "up" } as const;
  const topology = { v: 1, epoch: 7, keyId: "k", pools: { channel: { ...none, servers: [evil] }, presence: none, gateway: none } } as const;
  const html = renderPage({ url: "http://host", dev: false, topology });
  expect(html).not.toContain("<script");
  expect(html).toContain("<td>&#60;script&#62;&#34;&#38;&#39;</td>");
  expect(html).toContain("Epoch 7");
  expect(html).not.toContain("xoxp-dev");
});
