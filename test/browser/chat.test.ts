/** The chat page in a real browser, against a plane whose servers are killed under it. */
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { call } from "../e2e/client.ts";
import { makeChannels, ownerOf } from "../e2e/operate.ts";
import { people } from "../e2e/people.ts";
import { usePlane } from "../e2e/plane.ts";
import { until } from "../e2e/wait.ts";
import { chromiumPath, findings, openBrowser, picture } from "./browser.ts";

/** What the pictures show. */
const talk = [
  ["linus", "Has anybody seen channel server cs-0?"],
  ["grace", "I took it out for an update. Its slots are with cs-1 and cs-2 until it is back."],
  ["linus", "And the messages?"],
  ["margaret", "Each of them is here, once and in order.\nI watched the offsets while it went: there is no hole."],
  ["grace", "That is what the drain is for."],
] as const;

describe.skipIf(chromiumPath === undefined)("the chat page", () => {
  const plane = usePlane({ presences: 1 });
  let browser: Browser;
  let ada: Page;
  let grace: Page;
  /** what the browsers' consoles complained of */
  const complaints: string[] = [];

  async function open(context?: BrowserContext): Promise<Page> {
    const page = await (context ?? (await browser.newContext({ viewport: { width: 1280, height: 720 } }))).newPage();
    page.setDefaultTimeout(15_000);
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(plane().url);
    return page;
  }
  const isConnected = (page: Page): Promise<void> => page.getByRole("status").filter({ hasText: "Connected to gw-" }).waitFor();
  async function enter(name: string, context?: BrowserContext): Promise<Page> {
    const page = await open(context);
    await page.getByRole("button", { name }).click();
    await isConnected(page);
    await page.getByRole("log").waitFor();
    return page;
  }
  const gatewayOf = async (page: Page): Promise<string> => /gw-\d+/.exec(await page.getByRole("status").filter({ hasText: "Connected to" }).innerText())![0];
  const channelOf = (page: Page, name: string): Locator => page.getByRole("navigation").getByRole("button", { name: new RegExp(`^${name}( |\\d|$)`) });
  async function choose(page: Page, name: string): Promise<void> {
    if ((await channelOf(page, name).count()) === 0) await page.getByRole("button", { name: "Refresh the list" }).click();
    await channelOf(page, name).click();
    await page.getByRole("log", { name: `Messages in ${name}` }).waitFor();
  }
  async function write(page: Page, text: string): Promise<void> {
    await page.getByLabel("Message to").fill(text);
    await page.keyboard.press("Enter");
  }
  const row = (page: Page, text: string): Locator => page.locator("li.message").filter({ has: page.locator(".text").getByText(text, { exact: true }) });
  const textsOf = (page: Page): Promise<string[]> => page.locator("li.message .text").allTextContents();
  const api = (method: string, args: Parameters<typeof call>[3]): ReturnType<typeof call> => call(plane().url, people.linus.token, method, args);

  beforeAll(async () => {
    browser = await openBrowser();
    [ada, grace] = await Promise.all([enter("Ada Lovelace"), enter("Grace Hopper")]);
  });
  afterEach(() => {
    // A network that is gone is told, too: that is what some of these do to it.
    expect(complaints.splice(0).filter((text) => !/net::ERR|WebSocket connection to|status of 50\d/.test(text))).toEqual([]);
  });
  afterAll(() => browser?.close());

  test("two people chat: they see each other's messages, edits, deletions, reactions, typing and presence", async () => {
    await ada.getByLabel("Message to").pressSequentially("hello, Grace");
    await grace.getByRole("status").getByText("Ada Lovelace is typing …").waitFor();
    await ada.keyboard.press("Enter");
    await row(grace, "hello, Grace").waitFor();
    await grace.getByText("Ada Lovelace is typing …").waitFor({ state: "hidden" });
    await row(grace, "hello, Grace").getByRole("img", { name: "active" }).waitFor();

    await row(grace, "hello, Grace").getByRole("button", { name: "react with heart" }).click();
    await row(ada, "hello, Grace").getByRole("button", { name: "heart, 1", pressed: false }).click();
    const both = row(grace, "hello, Grace").getByRole("button", { name: "heart, 2", pressed: true });
    await both.click();
    await row(ada, "hello, Grace").getByRole("button", { name: "heart, 1", pressed: true }).waitFor();

    await row(ada, "hello, Grace").getByRole("button", { name: "Edit" }).click();
    await ada.getByLabel("Edit your message").fill("hello, everybody");
    await ada.keyboard.press("Enter");
    await row(grace, "hello, everybody").getByText("(edited)").waitFor();
    expect(await row(grace, "hello, everybody").getByRole("button", { name: "Edit" }).count()).toBe(0);

    await row(ada, "hello, everybody").getByRole("button", { name: "Delete" }).click();
    await ada.getByRole("button", { name: "Really delete" }).click();
    await row(grace, "hello, everybody").waitFor({ state: "detached" });
    await row(ada, "hello, everybody").waitFor({ state: "detached" });
  });

  test("presence is asked for those in view alone, and follows who leaves", async () => {
    const frames: string[] = [];
    ada.on("websocket", (socket) => socket.on("framesent", ({ payload }) => String(payload).includes("presence_sub") && frames.push(String(payload))));
    await ada.reload();
    await isConnected(ada);
    await until("Ada to watch those whom she sees", () => frames.some((frame) => frame.includes("U0GRACE") && frame.includes("U0MARGARET")));
    await ada.getByRole("button", { name: "Close the list of members" }).click();
    await until("and them no more", () => !frames.at(-1)!.includes("U0MARGARET"));
    await ada.getByRole("button", { name: "Members" }).click();
    const members = ada.getByRole("complementary", { name: "Members" });
    await members.getByRole("listitem").filter({ hasText: "Linus Pauling" }).getByRole("img", { name: "away" }).waitFor();
    await members.getByRole("listitem").filter({ hasText: "Grace Hopper" }).getByRole("img", { name: "active" }).waitFor();
  });

  test("what was said elsewhere is counted until it is read, in every window", async () => {
    await choose(grace, "general");
    const other = await enter("Ada Lovelace");
    for (const text of ["one", "two", "three"]) await api("chat.postMessage", { channel: "C0RANDOM", text });
    for (const page of [ada, grace, other]) await channelOf(page, "random").filter({ hasText: "3 unread" }).waitFor();
    expect(await ada.title()).toBe("(3) #general · Ringway");
    await choose(ada, "random");
    await row(ada, "three").waitFor();
    // Who goes right away has read it all the same.
    await ada.reload();
    await channelOf(ada, "random").filter({ hasNotText: "unread" }).waitFor();
    await channelOf(other, "random").filter({ hasNotText: "unread" }).waitFor();
    // Grace has not read it: a page that is opened anew counts, too.
    await grace.reload();
    await channelOf(grace, "random").filter({ hasText: "3 unread" }).waitFor();
    await other.context().close();
  });

  test("channels are made, joined and left", async () => {
    await ada.getByLabel("New channel").fill("gardening");
    await ada.keyboard.press("Enter");
    await ada.getByRole("log", { name: "Messages in gardening" }).waitFor();
    await write(ada, "first");
    await row(ada, "first").getByRole("button", { name: /travelled: #\d/ }).waitFor();
    await grace.getByRole("button", { name: "Refresh the list" }).click();
    await channelOf(grace, "gardening").click();
    await grace.getByRole("button", { name: "Join #gardening" }).click();
    await row(grace, "first").waitFor();
    await write(grace, "second");
    await row(ada, "second").waitFor();
    await ada.getByRole("complementary", { name: "Members" }).getByText("Grace Hopper").waitFor();
    await grace.getByRole("button", { name: "Leave #gardening" }).click();
    await grace.getByRole("button", { name: "Join #gardening" }).waitFor();
    await ada.getByRole("complementary", { name: "Members" }).getByText("Grace Hopper").waitFor({ state: "detached" });
  });

  test("who scrolls up reads ever older messages, each once and in order, and stays where they are", async () => {
    const [channel] = await makeChannels(plane(), 1, "long");
    const texts = Array.from({ length: 110 }, (_, i) => `line ${i}`);
    for (const text of texts) await api("chat.postMessage", { channel, text });
    await choose(ada, "long-0");
    await row(ada, "line 109").waitFor();
    const log = ada.getByRole("log");
    await until("the beginning", async () => {
      await log.press("Home");
      return ada.getByText("This is the beginning of long-0.").isVisible();
    });
    expect(await textsOf(ada)).toEqual(texts);
    await api("chat.postMessage", { channel, text: "line 110" });
    await ada.getByRole("button", { name: "1 new below" }).click();
    await row(ada, "line 110").waitFor();
    await ada.getByRole("button", { name: "1 new below" }).waitFor({ state: "detached" });
  });

  test("all of it is done by the keyboard alone", async () => {
    const page = await open();
    const focused = (): Promise<string> => page.evaluate("document.activeElement.innerText || document.activeElement.getAttribute('aria-label') || document.activeElement.id") as Promise<string>;
    const tabTo = async (what: RegExp): Promise<void> => {
      for (let i = 0; i < 120; i++) {
        await page.keyboard.press("Tab");
        if (what.test(await focused())) return;
      }
      throw new Error(`Tab leads nowhere to ${what}; it is at ${await focused()}`);
    };
    await page.getByRole("button", { name: "Margaret Hamilton" }).waitFor();
    await tabTo(/^Margaret/);
    await page.keyboard.press("Enter");
    await isConnected(page);
    await channelOf(page, "random").waitFor();
    await tabTo(/random/);
    await page.keyboard.press("Enter");
    await page.getByRole("log", { name: "Messages in random" }).waitFor();
    await tabTo(/^write$/);
    await page.keyboard.type("by keyboard");
    await page.keyboard.press("Enter");
    await row(page, "by keyboard").getByRole("button", { name: /travelled: #\d/ }).waitFor();
    await row(page, "by keyboard").getByRole("button", { name: /travelled/ }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", { name: "How this message travelled" }).waitFor();
    expect(await focused()).toMatch(/^Close/);
    await page.keyboard.press("Escape");
    expect(await focused()).toMatch(/travelled/);
    await tabTo(/^Edit$/);
    await page.keyboard.press("Enter");
    await page.getByLabel("Edit your message").waitFor();
    await page.keyboard.type("!");
    await page.keyboard.press("Enter");
    await page.getByText("(edited)").waitFor();
    expect(await focused()).toBe("write");
    await page.getByRole("button", { name: "Sign out" }).focus();
    await page.keyboard.press("Enter");
    await page.getByLabel("paste a token").waitFor();
    await page.reload();
    await page.getByLabel("paste a token").waitFor();
    await page.context().close();
  });

  test("text is text, whatever it looks like", async () => {
    const texts = ["<img src=x onerror=alert(1)>", "&amp; &lt;b&gt;", "<script>document.title='x'</script>", "javascript:alert(1) \u202e ‮"];
    await choose(ada, "general");
    await choose(grace, "general");
    for (const text of texts) await write(ada, text);
    for (const page of [ada, grace]) for (const text of texts) await row(page, text).waitFor();
    expect(await ada.locator(".log img, .log script, .log b b").count()).toBe(0);
    // The browser itself refuses what is not the page's own.
    const refused = await ada.evaluate("new Promise((resolve) => { addEventListener('securitypolicyviolation', (event) => resolve(event.violatedDirective)); document.body.append(Object.assign(document.createElement('script'), { textContent: '1' })); })");
    expect(refused).toMatch(/^script-src/);
    await until("the console to say so", () => complaints.length > 0);
    expect(complaints.splice(0).join()).toContain("Content Security Policy");
  });

  test("what is not valid is said where it was written", async () => {
    const page = await open();
    const says = async (field: string, text: string, complaint: string): Promise<void> => {
      await page.getByLabel(field).fill(text);
      await page.getByLabel(field).press("Enter");
      await page.getByRole("alert").getByText(complaint).waitFor();
      expect(await page.getByLabel(field).getAttribute("aria-invalid")).toBe("true");
    };
    await says("paste a token", "", "Paste a token first.");
    await says("paste a token", "a token", "A token holds no spaces");
    await says("paste a token", "xoxp-nobody", "This token is not known here.");
    await page.getByLabel("paste a token").fill(people.linus.token);
    await page.keyboard.press("Enter");
    await isConnected(page);
    await says("New channel", "", "Give the channel a name.");
    await says("New channel", "Not A Name", "A name holds a–z, 0–9, - and _, and nothing else.");
    await says("New channel", "x".repeat(81), "The name has 81 characters: at most 80 fit.");
    await says("New channel", "general", "A channel has this name already.");
    await says("Message to general", " ", "Write something first.");
    await says("Message to general", "x".repeat(40_001), "The message has 40,001 characters: at most 40,000 fit.");
    await page.context().close();
  });

  test.each(["light", "dark"] as const)("in %s, wide and narrow, it can be read and used by everybody", async (colorScheme) => {
    const name = colorScheme === "light" ? "ring-watch" : "night-watch";
    const context = await browser.newContext({ viewport: { width: 1200, height: 680 }, colorScheme });
    const page = await open(context);
    expect(await findings(page)).toEqual([]);
    await page.getByRole("button", { name: "Ada Lovelace" }).click();
    await isConnected(page);
    const { channel } = await api("conversations.create", { name });
    await api("conversations.invite", { channel: channel.id, users: [people.ada, people.grace, people.margaret].map(({ user }) => user).join() });
    await choose(page, name);
    for (const [from, text] of talk) await call(plane().url, people[from].token, "chat.postMessage", { channel: channel.id, text });
    await row(page, talk.at(-1)![1]).getByRole("button", { name: "react with star" }).click();
    const mineText = "I saw the badge name another gateway, and nothing else.";
    await write(page, mineText);
    const mine = row(page, mineText);
    await mine.getByRole("button", { name: /travelled: #\d/ }).click();
    const details = page.getByRole("complementary", { name: "How this message travelled" });
    await details.getByText(/^offset \d+$/).waitFor();
    await details.getByText("Until the ack").waitFor();
    // Each hop of it, by the servers' own words.
    await details.getByText(/^cs-\d, slot \d+, epoch \d+$/).waitFor();
    const way = await details.locator(".hops li").allInnerTexts();
    expect(way.map((hop) => hop.replace(/\s+/g, " "))).toEqual([
      expect.stringMatching(/^this page → Envoy → gw-\d \d+(\.\d+)? ms half of a ping/),
      expect.stringMatching(/^gw-\d → cs-\d \d+(\.\d+)? ms$/),
      expect.stringMatching(/^cs-\d → durable in the store \d+(\.\d+)? ms$/),
      expect.stringMatching(/^cs-\d → gw-\d \d+(\.\d+)? ms$/),
      expect.stringMatching(/^gw-\d → Envoy → this page \d+(\.\d+)? ms half of a ping/),
    ]);
    expect(await findings(page)).toEqual([]);
    const seen = await picture(page, colorScheme === "light" ? "chat" : "chat-dark");
    await page.keyboard.press("Escape");

    await page.setViewportSize({ width: 400, height: 720 });
    if ((await page.getByRole("complementary").count()) > 0) await page.keyboard.press("Escape");
    await page.getByLabel(`Message to ${name}`).waitFor();
    expect(await findings(page)).toEqual([]);
    const narrow = await picture(page, `chat-narrow-${colorScheme}`);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(400);
    await page.getByRole("button", { name: /^Channels/ }).click();
    await channelOf(page, "random").waitFor();
    expect(await findings(page)).toEqual([]);
    await channelOf(page, "random").click();
    await page.getByRole("log", { name: "Messages in random" }).waitFor();
    expect(await channelOf(page, "random").isVisible()).toBe(false);
    for (const { colours, background } of [seen, narrow]) {
      expect(colours).toBeGreaterThan(50);
      expect(background).toBeLessThan(0.98);
    }
    await context.close();
  });

  // From here on servers die.
  test("without a network messages wait, and are sent once when it is back", async () => {
    await choose(ada, "random");
    await choose(grace, "random");
    await ada.context().setOffline(true);
    // A socket that is open outlives the browser's own "offline": its gateway's death ends it.
    await plane().kill(await gatewayOf(ada));
    await ada.getByRole("status").filter({ hasText: "Not connected" }).waitFor();
    const texts = ["while offline 1", "while offline 2", "while offline 3"];
    for (const text of texts) await write(ada, text);
    await row(ada, texts[2]!).getByText("waiting to be sent").waitFor();
    await ada.getByRole("status").getByText("3 messages wait").waitFor();
    await api("chat.postMessage", { channel: "C0RANDOM", text: "meanwhile" });
    await ada.context().setOffline(false);
    for (const page of [ada, grace]) {
      for (const text of [...texts, "meanwhile"]) await row(page, text).waitFor();
      await isConnected(page);
      expect((await textsOf(page)).slice(-4)).toEqual(["meanwhile", ...texts]);
    }
    await ada.getByText("waiting to be sent").waitFor({ state: "detached" });
  });

  test("a gateway and a channel server are killed while one watches: each message is shown once and in order", async () => {
    const [channel] = await makeChannels(plane(), 1, "killed");
    await choose(ada, "killed-0");
    await choose(grace, "killed-0");
    const texts = Array.from({ length: 40 }, (_, i) => `event ${i}`);
    const gateway = await gatewayOf(ada);
    const owner = await ownerOf(plane(), channel!);
    for (const [i, text] of texts.entries()) {
      if (i === 10) await plane().kill(owner);
      if (i === 25) await plane().kill(gateway);
      await api("chat.postMessage", { channel, text, client_msg_id: text });
    }
    await write(ada, "and mine");
    for (const page of [ada, grace]) {
      await row(page, "and mine").getByRole("button", { name: /travelled: #\d/ }).waitFor();
      await row(page, "event 39").waitFor();
      await isConnected(page);
      expect(await textsOf(page)).toEqual([...texts, "and mine"]);
    }
  });
});
