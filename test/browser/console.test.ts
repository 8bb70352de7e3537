/** The operator's console in a real Chromium, against a whole plane: what it shows, what it changes, and what it refuses. */
import type { Browser, Locator, Page, Route } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { connectRtm } from "../e2e/client.ts";
import { drain, gatewayOf, makeChannels, ownerOf, rebalanced, topologyOf, weigh } from "../e2e/operate.ts";
import { people } from "../e2e/people.ts";
import { usePlane } from "../e2e/plane.ts";
import { Resuming } from "../e2e/resuming.ts";
import { Traffic } from "../e2e/traffic.ts";
import { until } from "../e2e/wait.ts";
import { chromiumPath, findings, openBrowser, picture } from "./browser.ts";

const token = "a-token-of-the-tests";

describe.skipIf(chromiumPath === undefined)("the console", () => {
  const plane = usePlane({ presences: 1, env: { RINGWAY_OPERATOR_TOKEN: token } });
  let browser: Browser;
  let page: Page;
  /** what the page's policy, or a defect of its script, made the browser say */
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await openBrowser();
    page = await (await browser.newContext({ viewport: { width: 1280, height: 1400 }, colorScheme: "light" })).newPage();
    page.setDefaultTimeout(10_000);
    page.on("console", (message) => void (message.type() === "error" && !message.text().includes("the server responded with a status of 4") && complaints.push(message.text())));
    page.on("pageerror", (error) => void complaints.push(String(error)));
  });
  afterAll(() => browser?.close());
  afterEach(() => expect(complaints.splice(0)).toEqual([]));

  const url = (): string => `http://${plane().addressOf("console")}/console`;
  /** What an operator has before them, with no dialog. Each test leaves it so, unless it failed. */
  const open = async (): Promise<void> => {
    const [servers, dialogs] = await Promise.all([page.getByRole("heading", { name: "Servers" }).count(), page.getByRole("dialog").count()]);
    if (servers === 1 && dialogs === 0) return;
    await page.goto("about:blank");
    await page.goto(`${url()}#token=${token}`);
    await page.getByRole("heading", { name: "Servers" }).waitFor();
  };
  /** Opens the dialog and fills it in, as far as said. */
  const wish = async (fields: { readonly what: string; readonly server?: string; readonly weight?: string; readonly id?: string }): Promise<Locator> => {
    await page.getByRole("button", { name: "Change the ring" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("What").selectOption(fields.what);
    if (fields.server !== undefined) await dialog.getByRole("combobox", { name: "Server" }).fill(fields.server);
    if (fields.weight !== undefined) await dialog.getByRole("textbox", { name: "Weight" }).fill(fields.weight);
    if (fields.id !== undefined) await dialog.getByLabel("ID whose slot it is").fill(fields.id);
    await dialog.getByRole("button", { name: "Preview" }).click();
    return dialog;
  };
  /** Confirms what is shown; again where the ring has changed meanwhile, as it does with each step of a rebalance. */
  const confirm = async (dialog: Locator): Promise<void> => {
    const close = dialog.getByRole("button", { name: "Close" });
    const ask = dialog.getByRole("button", { name: "Confirm", disabled: false });
    await until("charm's answer", async () => {
      await close.or(ask).waitFor();
      if ((await close.count()) > 0) return true;
      await ask.click();
      return false;
    });
  };

  test("asks for the token, says that a wrong one is wrong, and keeps the right one out of the address", async () => {
    await page.goto(`${url()}/#token=%`);
    expect(await page.getByRole("alert").textContent()).toBe("The token in the address is not valid percent-encoding.");
    expect(page.url()).toBe(`${url()}/`);
    await page.getByLabel("Operator's token").fill("not-the-right-token");
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByText("That is not the operator's token.").waitFor();
    expect(await findings(page)).toEqual([]);
    await page.getByLabel("Operator's token").fill(token);
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByRole("heading", { name: "Servers" }).waitFor();
    await page.goto(`${url()}#token=${token}`);
    await page.getByRole("heading", { name: "Servers" }).waitFor();
    expect(page.url()).toBe(`${url()}/`);
  });

  test("shows the ring, every server with its figures, charts, what charm decided, and each Envoy's epoch", async () => {
    const { epoch } = await topologyOf(plane());
    await open();
    const servers = page.getByRole("region", { name: "Servers of the ring" });
    for (const id of [...plane().named("channel"), ...plane().named("presence"), ...plane().named("gateway")]) {
      const cells = await servers.getByRole("row").filter({ has: page.getByRole("rowheader", { name: id, exact: true }) }).getByRole("cell").allTextContents();
      expect(cells.slice(2, 5), id).toEqual(["up", String(epoch), "100"]);
    }
    expect(await page.getByRole("img", { name: "Shares of the channel pool" }).getAttribute("aria-label")).toMatch(/cs-0 3\d\.\d %; cs-1 3\d\.\d %; cs-2 3\d\.\d %$/);
    expect(await page.locator(".uplot canvas").count()).toBe(5);
    expect(await page.getByRole("log").textContent()).toContain("took the lead");
    await until("the Envoy's row", async () => (await page.getByRole("region", { name: "Envoys" }).getByRole("cell").allTextContents())[0] === String(epoch));
  });

  test("drains a server under load: a preview first, a bar while slots move, and nothing is lost", async () => {
    const channels = await makeChannels(plane(), 3, "console");
    const traffic = new Traffic(plane(), channels);
    try {
      await traffic.begin();
      await open();
      const victim = await ownerOf(plane(), channels[0]!);
      await page.getByRole("button", { name: `Change ${victim}`, exact: true }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("button", { name: "Preview" }).click();
      const preview = dialog.getByRole("group", { name: "Preview" });
      await preview.waitFor();
      const moves = await preview.getByRole("row").allTextContents();
      expect(moves.filter((row) => row.startsWith(victim))).toHaveLength(2);
      expect((await topologyOf(plane())).pools.channel.servers.find(({ id }) => id === victim)?.state).toBe("up");
      await confirm(dialog);
      await dialog.getByRole("progressbar").waitFor();
      await dialog.getByText(`drain of ${victim}: done`).waitFor({ timeout: 20_000 });
      expect((await topologyOf(plane())).pools.channel.servers.find(({ id }) => id === victim)?.state).toBe("draining");
      await dialog.getByRole("button", { name: "Close" }).click();
      await page.getByRole("log").getByText(`drain of ${victim} by the operator`).waitFor();
      await page.getByRole("log").getByText(/step \d+: .* of the slots move from/).first().waitFor();
      await until("charts that show the traffic", async () => /stored [1-9]/.test((await page.getByText("Throughput").textContent()) ?? ""));
      expect(await findings(page)).toEqual([]);
      const shot = await picture(page, "console");
      expect(shot.colours).toBeGreaterThan(50);
      expect(shot.background).toBeLessThan(0.98);
      await traffic.more(3);
      await traffic.check();
      const back = await wish({ what: "undrain", server: victim });
      await confirm(back);
      // It goes on by itself, and the next test waits for the end of it with its own change's.
      await back.getByText(`end of the drain of ${victim}`).waitFor();
      await back.getByRole("button", { name: "Close" }).click();
    } finally {
      await traffic.end();
    }
  });

  test("drains a gateway: its clients leave for the others, and come to no harm", async () => {
    const ada = new Resuming(plane().url, people.ada.token);
    try {
      await ada.ready();
      const home = await gatewayOf(plane(), people.ada);
      await open();
      const dialog = await wish({ what: "drain", server: home });
      expect(await dialog.getByRole("group", { name: "Preview" }).textContent()).toContain("slots of gateway move");
      await confirm(dialog);
      await dialog.getByText(`drain of ${home}: done`).waitFor({ timeout: 20_000 });
      await until("the client at another gateway", () => ada.connections === 2 && ada.connected);
      await dialog.getByRole("button", { name: "Close" }).click();
      await drain(plane(), home, false);
      await page.getByRole("log").getByText(`end of the drain of ${home} by the operator`).waitFor();
    } finally {
      await ada.stop();
    }
  });

  test("weighs and pins, each with its preview", async () => {
    await open();
    const weight = await wish({ what: "weight", server: "cs-1", weight: "90" });
    expect(await weight.getByRole("group", { name: "Preview" }).textContent()).toMatch(/weight of cs-1: 90.*slots of channel move/);
    await confirm(weight);
    await weight.getByText("weight of cs-1: 90: done").waitFor({ timeout: 20_000 });
    await weight.getByRole("button", { name: "Close" }).click();
    await page.getByRole("region", { name: "Servers of the ring" }).getByRole("row", { name: /^cs-1 / }).getByRole("cell", { name: "90", exact: true }).waitFor();

    const owner = await ownerOf(plane(), "C0GENERAL");
    const other = plane().named("channel").find((id) => id !== owner)!;
    const pin = await wish({ what: "pin", server: other, id: "C0GENERAL" });
    expect(await pin.getByRole("group", { name: "Preview" }).textContent()).toContain("1 slots of channel move");
    await confirm(pin);
    await until("the pin", async () => (await ownerOf(plane(), "C0GENERAL")) === other);
    await pin.getByText("done").waitFor();
    await pin.getByRole("button", { name: "Close" }).click();
    await page.getByText(`Pinned: slot`).waitFor();
    const unpin = await wish({ what: "unpin", id: "C0GENERAL" });
    await confirm(unpin);
    await until("the end of the pin", async () => (await ownerOf(plane(), "C0GENERAL")) === owner);
    await unpin.getByRole("button", { name: "Close" }).click();
  });

  test("shows no answer that comes after a newer question, in the dialog and where one looks up", async () => {
    await open();
    // The first questions are held back until the second ones are asked.
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const hold = async (route: Route): Promise<void> => {
      await held;
      await route.continue();
    };
    const late = Promise.all(["preview", "channels/C0RANDOM"].map(async (path) => (await page.waitForResponse(`**/api/${path}`)).finished()));
    await page.route("**/api/preview", hold, { times: 1 });
    await page.route("**/api/channels/C0RANDOM", hold, { times: 1 });
    const lookUp = page.getByRole("region", { name: "Look up" });
    await lookUp.getByLabel("What").selectOption("channel");
    for (const id of ["C0RANDOM", "C0GENERAL"]) {
      await lookUp.getByLabel("ID").fill(id);
      await lookUp.getByRole("button", { name: "Look up" }).click();
    }
    await lookUp.getByLabel("Channel C0GENERAL").waitFor();
    const dialog = await wish({ what: "drain", server: "cs-0" });
    await dialog.getByRole("combobox", { name: "Server" }).fill("cs-1");
    release();
    await late;
    await page.evaluate("new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)))");
    expect(await dialog.getByRole("group", { name: "Preview" }).count()).toBe(0);
    await dialog.getByRole("button", { name: "Preview" }).click();
    await dialog.getByText("drain of cs-1").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    expect(await lookUp.getByLabel(/^Channel/).getAttribute("aria-label")).toBe("Channel C0GENERAL");
  });

  test("asks again where the ring has changed between the preview and the word", async () => {
    await open();
    await rebalanced(plane());
    const dialog = await wish({ what: "weight", server: "cs-2", weight: "95" });
    await dialog.getByRole("group", { name: "Preview" }).waitFor();
    const { epoch } = await topologyOf(plane());
    await weigh(plane(), "cs-0", 99);
    await until("another epoch", async () => (await topologyOf(plane())).epoch > epoch);
    await rebalanced(plane());
    await dialog.getByRole("button", { name: "Confirm" }).click();
    await dialog.getByText(`The ring has changed since you were asked (epoch ${epoch}, now `).waitFor();
    expect((await topologyOf(plane())).pools.channel.servers.find(({ id }) => id === "cs-2")?.weight).toBe(100);
    await dialog.getByRole("button", { name: "Confirm" }).click();
    await dialog.getByText("weight of cs-2: 95: done").waitFor({ timeout: 20_000 });
    await dialog.getByRole("button", { name: "Close" }).click();
  });

  test("finds a channel and a user: slot, owner, preference, readers at each gateway, the last offset", async () => {
    const rtm = await connectRtm(plane().url, people.ada.token);
    try {
      await open();
      const lookUp = page.getByRole("region", { name: "Look up" });
      await lookUp.getByLabel("ID").fill("C0GENERAL");
      await lookUp.getByRole("button", { name: "Look up" }).click();
      const channel = lookUp.getByLabel("Channel C0GENERAL");
      const text = (await channel.textContent())!;
      const owner = await ownerOf(plane(), "C0GENERAL");
      expect(text).toMatch(new RegExp(`Slot\\d+ of epoch \\d+Owner${owner}Preference${owner}, cs-\\d, cs-\\dServed by${owner}Last offset\\d+`));
      expect(text).toMatch(/gw-\d: 1 \(up to offset \d+\)/);
      await lookUp.getByLabel("What").selectOption("user");
      await lookUp.getByLabel("ID").fill(people.ada.user);
      await lookUp.getByRole("button", { name: "Look up" }).click();
      const user = (await lookUp.getByLabel(`User ${people.ada.user}`).textContent())!;
      expect(user).toMatch(/Presenceactive, online/);
      expect(user).toMatch(/gw-\d: 1/);
    } finally {
      await rtm.close();
    }
  });

  test("says what is wrong with what was typed, in each field", async () => {
    await open();
    const refused = async (fields: Parameters<typeof wish>[0]): Promise<string> => {
      const dialog = await wish(fields);
      const alert = (await dialog.getByRole("alert").textContent())!;
      await dialog.getByRole("button", { name: "Cancel" }).click();
      return alert;
    };
    expect(await refused({ what: "drain" })).toBe("Which server? Give its ID.");
    expect(await refused({ what: "drain", server: "cs-9" })).toContain("no server 'cs-9' is in the topology");
    expect(await refused({ what: "weight", server: "cs-0", weight: "heavy" })).toContain("weight must be a whole number 0..65535");
    expect(await refused({ what: "weight", server: "cs-0", weight: "65536" })).toContain("weight must be a whole number 0..65535");
    expect(await refused({ what: "pin", server: "cs-0", id: "not an ID" })).toContain("the channel or user whose slot is pinned");
    expect(await refused({ what: "unpin", id: "C0RANDOM" })).toMatch(/slot \d+ is not pinned/);
    const lookUp = page.getByRole("region", { name: "Look up" });
    await lookUp.getByLabel("What").selectOption("channel");
    await lookUp.getByLabel("ID").fill("<b>#general</b>");
    await lookUp.getByRole("button", { name: "Look up" }).click();
    expect(await lookUp.getByRole("alert").textContent()).toContain("'<b>#general</b>' is no channel's ID");
  });

  test("can be read in the dark, in a narrow window, and used by the keyboard", async () => {
    await page.emulateMedia({ colorScheme: "dark" });
    await open();
    expect(await findings(page)).toEqual([]);
    await page.setViewportSize({ width: 360, height: 700 });
    expect(await findings(page)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    await page.getByRole("heading", { name: "Ringway console" }).click();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });
});
