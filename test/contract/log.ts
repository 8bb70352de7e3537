import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Append, Entry, LogStore } from "../../services/store/log.ts";
import { messageEntry, ts } from "./log-entry.ts";

const bytes = (text: string): Buffer => Buffer.from(text);

/** What every engine of the log promises. @param open a log that is empty at each call */
export function logContract(name: string, open: () => Promise<LogStore> | LogStore): void {
  describe(`log on ${name}`, () => {
    let log: LogStore;
    beforeEach(async () => void (log = await open()));
    afterEach(() => log.close());

    const appendTo = (channel: string, ...entries: Entry[]): Append => ({ channel, slot: 1, fence: 1, entries });
    const texts = (list: Uint8Array[]): string[] => list.map((message) => Buffer.from(message).toString());
    const filled = async (channel: string, count: number): Promise<void> => {
      await log.claim(1, "cs-0");
      expect(await log.append(appendTo(channel, ...Array.from({ length: count }, (_, i) => messageEntry(i + 1))))).toEqual({ ok: true });
    };

    it("raises a slot's fence by each claim, slot by slot", async () => {
      expect(await log.claimed(1)).toEqual({ fence: 0, owner: "" });
      expect(await log.claim(1, "cs-0")).toBe(1);
      expect(await log.claim(1, "cs-1")).toBe(2);
      expect(await log.claim(65_535, "cs-0")).toBe(1);
      expect(await log.claimed(1)).toEqual({ fence: 2, owner: "cs-1" });
    });

    it("tells the fences of many slots at once", async () => {
      await log.claim(1, "cs-0");
      await log.claim(1, "cs-1");
      await log.claim(65_535, "cs-0");
      const slots = [65_535, 1, 0, ...Array.from({ length: 1_000 }, (_, i) => i + 2)];
      const fences = await log.fences(slots);
      expect([...fences].filter(([, fence]) => fence !== 0)).toEqual([[65_535, 1], [1, 2]]);
      expect([...fences.keys()]).toEqual(slots);
      expect(await log.fences([])).toEqual(new Map());
    });

    it("gives concurrent claims different fences", async () => {
      const fences = await Promise.all(Array.from({ length: 50 }, (_, i) => log.claim(3, `cs-${i}`)));
      expect(fences.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    });

    it("gives back what was appended, byte by byte, by offset, key, message and head", async () => {
      await log.claim(1, "cs-0");
      expect(await log.head("C1")).toEqual({ head: 0, lastTs: "", first: 1 });
      const payload = Buffer.from([0, 1, 2, 253, 254, 255]);
      const control: Entry = { offset: 2, ts: ts(2), kind: 1, origin: Number.MAX_SAFE_INTEGER, key: "\u0000 ключ 🔑", payload };
      expect(await log.append(appendTo("C1", messageEntry(1), control))).toEqual({ ok: true });
      const { view, ...first } = messageEntry(1);
      expect(await log.after("C1", 0, 10)).toEqual([first, control]);
      expect(await log.byKey("C1", control.key)).toEqual(control);
      expect(await log.byKey("C1", "other")).toBeUndefined();
      expect(await log.byKey("C2", control.key)).toBeUndefined();
      expect(await log.message("C1", view!.ts)).toEqual(view!.message);
      expect(await log.message("C1", control.ts)).toBeUndefined();
      expect(await log.head("C1")).toEqual({ head: 2, lastTs: ts(2), first: 1 });
    });

    it("finds entries by key and messages by ts in one question", async () => {
      await filled("C1", 3);
      await log.append(appendTo("C2", messageEntry(1, "other")));
      const { view, ...second } = messageEntry(2);
      const found = await log.find("C1", ["k2", "other", "k4"], [ts(2), ts(4), "1700000000.1"]);
      expect(found.keys).toEqual(new Map([["k2", second]]));
      expect(found.messages).toEqual(new Map([[ts(2), view!.message]]));
      expect(await log.find("C1", [], [])).toEqual({ keys: new Map(), messages: new Map() });
      expect(await log.find("C9", ["k2"], [ts(2)])).toEqual({ keys: new Map(), messages: new Map() });
    });

    it("finds nothing by what is no ID, no key and no ts", async () => {
      await filled("C1", 1);
      for (const odd of ["C1\u0000", "\u0000", "\ud800", "{", "'", "x"]) {
        expect([await log.head(odd), await log.after(odd, 0, 9), await log.byKey(odd, "k1"), await log.message(odd, ts(1))]).toEqual([{ head: 0, lastTs: "", first: 1 }, [], undefined, undefined]);
        expect([await log.byKey("C1", odd), await log.message("C1", odd)]).toEqual([undefined, undefined]);
        expect(await log.find("C1", [odd], [odd])).toEqual({ keys: new Map(), messages: new Map() });
      }
    });

    it("refuses an append whose fence isn't the slot's, and keeps nothing of it", async () => {
      expect(await log.append(appendTo("C1", messageEntry(1)))).toEqual({ ok: false, reason: "fenced" });
      await log.claim(1, "cs-0");
      expect(await log.append(appendTo("C1", messageEntry(1)))).toEqual({ ok: true });
      await log.claim(1, "cs-1");
      expect(await log.append(appendTo("C1", messageEntry(2)))).toEqual({ ok: false, reason: "fenced" });
      expect(await log.append({ ...appendTo("C1", messageEntry(2)), fence: 3 })).toEqual({ ok: false, reason: "fenced" });
      expect(await log.head("C1")).toEqual({ head: 1, lastTs: ts(1), first: 1 });
      expect(await log.byKey("C1", "k2")).toBeUndefined();
    });

    it("shows who has claimed a slot all that was acked under the fence before, and acks nothing of it afterwards", async () => {
      // Long ones, so that the claim falls into the midst of one.
      const size = 150;
      let fence = await log.claim(1, "cs-0");
      for (let round = 1; round <= 8; round++) {
        let { head: acked } = await log.head("C1");
        const begun = acked;
        const old = fence;
        const flood = (async () => {
          for (;;) {
            const entries = Array.from({ length: size }, (_, i) => messageEntry(acked + 1 + i, `${round}.${acked + 1 + i}`));
            const result = await log.append({ ...appendTo("C1", ...entries), fence: old });
            if (!result.ok) return result.reason;
            acked += size;
            // Not every engine lets go of the event loop by itself.
            await new Promise((resolve) => setImmediate(resolve));
          }
        })();
        while (acked === begun) await new Promise((resolve) => setImmediate(resolve));
        fence = await log.claim(1, "cs-1");
        const seen = (await log.head("C1")).head;
        expect(await flood).toBe("fenced");
        expect([acked, (await log.head("C1")).head]).toEqual([seen, seen]);
      }
    });

    it("refuses a hole and a repetition as a conflict, and keeps nothing of it", async () => {
      await filled("C1", 2);
      expect(await log.append(appendTo("C1", messageEntry(4)))).toEqual({ ok: false, reason: "conflict" });
      expect(await log.append(appendTo("C1", messageEntry(2), messageEntry(3)))).toEqual({ ok: false, reason: "conflict" });
      expect((await log.after("C1", 0, 10)).map(({ offset }) => offset)).toEqual([1, 2]);
      expect(await log.message("C1", ts(4))).toBeUndefined();
    });

    // An append that its caller gave up may be carried out late, where the caller's next ones were to follow another entry.
    it("refuses a key that the channel has already, a ts that isn't after the last, and another last ts than the caller's, as conflicts", async () => {
      await filled("C1", 2);
      expect(await log.append(appendTo("C1", { ...messageEntry(3), ts: ts(2) }))).toEqual({ ok: false, reason: "conflict" });
      expect(await log.append({ ...appendTo("C1", messageEntry(3)), lastTs: ts(1) })).toEqual({ ok: false, reason: "conflict" });
      expect(await log.append({ ...appendTo("C1", messageEntry(3)), lastTs: "" })).toEqual({ ok: false, reason: "conflict" });
      expect(await log.append(appendTo("C1", messageEntry(3), messageEntry(4, "k1")))).toEqual({ ok: false, reason: "conflict" });
      expect(await log.append(appendTo("C1", messageEntry(3), messageEntry(4, "k3")))).toEqual({ ok: false, reason: "conflict" });
      expect((await log.after("C1", 0, 10)).map(({ offset }) => offset)).toEqual([1, 2]);
      expect(await log.append({ ...appendTo("C2", messageEntry(1, "k1")), lastTs: "" })).toEqual({ ok: true });
      expect(await log.append({ ...appendTo("C2", messageEntry(2)), lastTs: ts(1) })).toEqual({ ok: true });
    });

    it("keeps the order of one caller's concurrent appends to a channel", async () => {
      await log.claim(1, "cs-0");
      const results = await Promise.all(Array.from({ length: 300 }, (_, i) => log.append(appendTo("C1", messageEntry(i + 1)))));
      expect(results.every(({ ok }) => ok)).toBe(true);
      expect((await log.after("C1", 0, 1000)).map(({ offset }) => offset)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    });

    it("takes each of one caller's concurrent appends by itself, whatever becomes of those before it", async () => {
      await log.claim(1, "cs-0");
      const asked = [messageEntry(1), messageEntry(2), messageEntry(3, "k1"), messageEntry(3), messageEntry(9), messageEntry(4)];
      const results = await Promise.all([...asked.map((entry) => log.append(appendTo("C1", entry))), log.append({ ...appendTo("C2", messageEntry(1)), fence: 2 })]);
      const conflict = { ok: false, reason: "conflict" };
      expect(results).toEqual([{ ok: true }, { ok: true }, conflict, { ok: true }, conflict, { ok: true }, { ok: false, reason: "fenced" }]);
      expect((await log.after("C1", 0, 10)).map(({ offset, key }) => [offset, key])).toEqual([[1, "k1"], [2, "k2"], [3, "k3"], [4, "k4"]]);
      expect((await log.head("C2")).head).toBe(0);
    });

    it("shows what the last of one append's entries made of a message", async () => {
      await log.claim(1, "cs-0");
      const seen = (offset: number, of: number, message: string | null): Entry => ({ ...messageEntry(offset), view: { ts: ts(of), message: message === null ? null : bytes(message) } });
      const first = [messageEntry(1), seen(2, 1, "a"), seen(3, 1, "b"), messageEntry(4), seen(5, 4, null), messageEntry(6)];
      await Promise.all([log.append(appendTo("C1", ...first)), log.append(appendTo("C1", seen(7, 6, "c")))]);
      const { messages } = await log.history("C1", { latest: "", oldest: "", inclusive: false, limit: 10 });
      expect(texts(messages)).toEqual(["c", "b"]);
    });

    it("pages entries after an offset, and keeps channels apart whose names begin alike", async () => {
      await filled("C1", 12);
      expect(await log.append(appendTo("C10", messageEntry(1, "other")))).toEqual({ ok: true });
      expect((await log.after("C1", 9, 2)).map(({ offset }) => offset)).toEqual([10, 11]);
      expect((await log.after("C1", 11, 5)).map(({ offset }) => offset)).toEqual([12]);
      expect(await log.after("C1", 12, 5)).toEqual([]);
      expect(await log.after("C1", 99, 5)).toEqual([]);
      expect(await log.after("C", 0, 5)).toEqual([]);
    });

    it("shows history newest first, bounded by latest, oldest and limit", async () => {
      await filled("C1", 5);
      const show = async (query: Partial<Parameters<LogStore["history"]>[1]>) => {
        const { messages, more } = await log.history("C1", { latest: "", oldest: "", inclusive: false, limit: 10, ...query });
        return [texts(messages).map((text) => (JSON.parse(text) as { msg: number }).msg), more];
      };
      expect(await show({})).toEqual([[5, 4, 3, 2, 1], false]);
      expect(await show({ limit: 2 })).toEqual([[5, 4], true]);
      expect(await show({ limit: 5 })).toEqual([[5, 4, 3, 2, 1], false]);
      expect(await show({ latest: ts(4) })).toEqual([[3, 2, 1], false]);
      expect(await show({ latest: ts(4), oldest: ts(2) })).toEqual([[3], false]);
      expect(await show({ latest: ts(4), oldest: ts(2), inclusive: true })).toEqual([[4, 3, 2], false]);
      expect(await show({ latest: ts(4), oldest: ts(2), inclusive: true, limit: 2 })).toEqual([[4, 3], true]);
      expect(await show({ latest: ts(1) })).toEqual([[], false]);
      expect(await show({ oldest: "0" })).toEqual([[5, 4, 3, 2, 1], false]);
      expect(await show({ oldest: "5", latest: "99999999999" })).toEqual([[5, 4, 3, 2, 1], false]);
      expect(await show({ latest: "1700000000" })).toEqual([[], false]);
      expect(await log.history("C2", { latest: "", oldest: "", inclusive: false, limit: 10 })).toEqual({ messages: [], more: false });
    });

    it("applies an edit and a deletion to history, and not to the entries", async () => {
      await filled("C1", 3);
      const edit: Entry = { ...messageEntry(4), view: { ts: ts(2), message: bytes(`{"msg":"edited"}`) } };
      const deletion: Entry = { ...messageEntry(5), view: { ts: ts(1), message: null } };
      expect(await log.append(appendTo("C1", edit, deletion))).toEqual({ ok: true });
      const { messages } = await log.history("C1", { latest: "", oldest: "", inclusive: false, limit: 10 });
      expect(texts(messages)).toEqual([`{"msg":3}`, `{"msg":"edited"}`]);
      expect(await log.message("C1", ts(1))).toBeUndefined();
      expect((await log.after("C1", 0, 10)).length).toBe(5);
    });

    it("keeps what it gave out unchanged by later reads", async () => {
      await filled("C1", 3);
      const [first] = await log.after("C1", 0, 1);
      const message = await log.message("C1", ts(1));
      await log.after("C1", 1, 2);
      await log.message("C1", ts(2));
      await log.history("C1", { latest: "", oldest: "", inclusive: false, limit: 10 });
      expect(Buffer.from(first!.payload).toString()).toBe(`{"off":1}`);
      expect(Buffer.from(message!).toString()).toBe(`{"msg":1}`);
    });

    describe("retention", () => {
      const offsets = async (channel: string): Promise<number[]> => (await log.after(channel, 0, 10_000)).map(({ offset }) => offset);
      const shown = async (channel: string): Promise<string[]> => texts((await log.history(channel, { latest: "", oldest: "", inclusive: false, limit: 10_000 })).messages);
      const sweepAll = async (before: string, channels = 10): Promise<number> => {
        for (let calls = 1, cursor = ""; ; calls++) {
          cursor = await log.sweep(before, cursor, channels);
          if (cursor === "") return calls;
        }
      };

      it("sweeps entries, their keys and messages of before a ts", async () => {
        await filled("C1", 5);
        await sweepAll(ts(3));
        expect(await log.head("C1")).toEqual({ head: 5, lastTs: ts(5), first: 3 });
        expect(await offsets("C1")).toEqual([3, 4, 5]);
        expect((await log.after("C1", 3, 1)).map(({ offset }) => offset)).toEqual([4]);
        expect(await shown("C1")).toEqual([5, 4, 3].map((offset) => `{"msg":${offset}}`));
        const found = await log.find("C1", ["k2", "k3"], [ts(2), ts(3)]);
        expect([[...found.keys.keys()], [...found.messages.keys()]]).toEqual([["k3"], [ts(3)]]);
        expect([await log.byKey("C1", "k2"), await log.message("C1", ts(2))]).toEqual([undefined, undefined]);
        expect(await log.byKey("C1", "k4")).toMatchObject({ offset: 4 });
      });

      it("never sweeps the last entry, from which offsets and ts go on", async () => {
        await filled("C1", 3);
        await sweepAll("1800000000");
        expect(await log.head("C1")).toEqual({ head: 3, lastTs: ts(3), first: 3 });
        expect(await offsets("C1")).toEqual([3]);
        expect(await shown("C1")).toEqual([`{"msg":3}`]);
        expect(await log.append({ ...appendTo("C1", messageEntry(3)), lastTs: ts(3) })).toEqual({ ok: false, reason: "conflict" });
        expect(await log.append({ ...appendTo("C1", messageEntry(4, "k3")), lastTs: ts(3) })).toEqual({ ok: false, reason: "conflict" });
        expect(await log.append({ ...appendTo("C1", messageEntry(4, "k1")), lastTs: ts(3) })).toEqual({ ok: true });
        expect(await log.head("C1")).toEqual({ head: 4, lastTs: ts(4), first: 3 });
        await sweepAll(ts(4));
        expect([await offsets("C1"), await log.byKey("C1", "k1")]).toEqual([[4], expect.objectContaining({ offset: 4 })]);
      });

      it("leaves what is younger alone, also on a second time", async () => {
        await filled("C1", 3);
        await sweepAll("1699999999");
        await sweepAll(ts(2));
        await sweepAll(ts(2));
        expect([await offsets("C1"), (await log.head("C1")).first]).toEqual([[2, 3], 2]);
      });

      it("sweeps a message that an edit put back after it was swept", async () => {
        await filled("C1", 3);
        await sweepAll(ts(3));
        await log.append(appendTo("C1", { ...messageEntry(4), view: { ts: ts(1), message: bytes(`{"msg":"late"}`) } }));
        expect(await shown("C1")).toEqual([`{"msg":3}`, `{"msg":"late"}`]);
        await sweepAll(ts(3));
        expect(await shown("C1")).toEqual([`{"msg":3}`]);
      });

      it("goes through all channels, some at each call", async () => {
        await log.claim(1, "cs-0");
        const names = Array.from({ length: 7 }, (_, i) => `C${i}`);
        for (const name of names) await log.append(appendTo(name, messageEntry(1), messageEntry(2)));
        const second = await log.sweep(ts(2), await log.sweep(ts(2), "", 2), 2);
        expect(second).not.toBe("");
        expect((await Promise.all(names.map(offsets))).filter(({ length }) => length === 1).length).toBe(4);
        expect(await sweepAll(ts(2), 3)).toBe(3);
        expect((await Promise.all(names.map(offsets))).every(({ length }) => length === 1)).toBe(true);
        expect(await log.sweep(ts(2), "C9", 3)).toBe("");
      });

      it("sweeps a channel with more entries than one transaction should hold", async () => {
        await filled("C1", 1_300);
        await sweepAll(ts(1_200));
        expect(await log.head("C1")).toEqual({ head: 1_300, lastTs: ts(1_300), first: 1_200 });
        expect([(await offsets("C1"))[0], (await shown("C1")).length]).toEqual([1_200, 101]);
      });
    });

    describe("as rows", () => {
      const names = ["claims", "entries", "messages", "heads"] as const;
      const whole = async (): Promise<Record<string, unknown[]>> => Object.fromEntries(await Promise.all(names.map(async (name) => [name, await log.rows[name].dump([], 10_000)] as const)));
      /** What a store holds that was used for a while. */
      const used = async (): Promise<Entry> => {
        await filled("C1", 6);
        const odd: Entry = { offset: 1, ts: ts(1), kind: 1, origin: Number.MAX_SAFE_INTEGER, key: "\u0000 ключ 🔑", payload: Buffer.from([0, 255]) };
        await log.claim(65_535, "cs-1");
        await log.append(appendTo("C10", odd));
        await log.append(appendTo("C1", { ...messageEntry(7), view: { ts: ts(4), message: bytes("edited") } }, { ...messageEntry(8), view: { ts: ts(5), message: null } }));
        await log.sweep(ts(3), "", 10);
        return odd;
      };

      it("gives out all that it keeps, in order of keys, from any key on", async () => {
        const odd = await used();
        const found = await whole();
        expect(found["claims"]).toEqual([{ slot: 1, fence: 1, owner: "cs-0" }, { slot: 65_535, fence: 1, owner: "cs-1" }]);
        expect(found["heads"]).toEqual([{ channel: "C1", head: 8, lastTs: ts(8), first: 3 }, { channel: "C10", head: 1, lastTs: ts(1), first: 1 }]);
        expect(found["entries"]).toEqual([...(await log.after("C1", 0, 10)).map((entry) => ({ channel: "C1", ...entry })), { channel: "C10", ...odd }]);
        const messages = await log.rows.messages.dump([], 10);
        expect(messages.map((row) => [row.channel, row.ts, Buffer.from(row.message).toString()])).toEqual([
          ["C1", ts(3), `{"msg":3}`],
          ["C1", ts(4), "edited"],
          ["C1", ts(6), `{"msg":6}`],
        ]);
        expect((await log.rows.entries.dump(["C1", 7], 2)).map(({ channel, offset }) => [channel, offset])).toEqual([["C1", 8], ["C10", 1]]);
        expect([await log.rows.claims.dump([1], 1), await log.rows.entries.dump(["C10", 1], 1), await log.rows.heads.dump(["C10"], 1)]).toEqual([[expect.objectContaining({ slot: 65_535 })], [], []]);
      });

      it("is the same log where its rows were loaded into an empty one, once or twice, and goes on from there", async () => {
        const odd = await used();
        const before = await whole();
        const [found, history] = [await log.find("C1", ["k2", "k3", "k8"], [ts(4)]), await log.history("C1", { latest: "", oldest: "", inclusive: false, limit: 10 })];
        await log.close();
        log = await open();
        for (let times = 1; times <= 2; times++) for (const name of names) await log.rows[name].load(before[name] as never);
        expect(await whole()).toEqual(before);
        expect([await log.find("C1", ["k2", "k3", "k8"], [ts(4)]), await log.history("C1", { latest: "", oldest: "", inclusive: false, limit: 10 })]).toEqual([found, history]);
        expect(await log.byKey("C10", odd.key)).toEqual(odd);
        expect(await log.append({ ...appendTo("C1", messageEntry(9, "k8")), lastTs: ts(8) })).toEqual({ ok: false, reason: "conflict" });
        expect(await log.append({ ...appendTo("C1", messageEntry(9)), lastTs: ts(8) })).toEqual({ ok: true });
        expect(await log.claim(1, "cs-2")).toBe(2);
        expect(await log.append(appendTo("C1", messageEntry(10)))).toEqual({ ok: false, reason: "fenced" });
      });

      it("lowers no fence", async () => {
        for (let fence = 1; fence <= 3; fence++) await log.claim(1, "cs-0");
        await log.rows.claims.load([{ slot: 1, fence: 2, owner: "cs-1" }, { slot: 2, fence: 5, owner: "cs-1" }]);
        expect([await log.claimed(1), await log.claimed(2)]).toEqual([{ fence: 3, owner: "cs-0" }, { fence: 5, owner: "cs-1" }]);
      });

      it("remembers how far a copy is", async () => {
        expect(await log.rows.copies.dump([], 1)).toEqual([]);
        for (const state of ["a", "b"]) await log.rows.copies.load([{ id: "copy", state }]);
        expect(await log.rows.copies.dump([], 9)).toEqual([{ id: "copy", state: "b" }]);
      });
    });

    it("stores entries of 300 kB", async () => {
      await log.claim(1, "cs-0");
      const big = Buffer.alloc(300_000, "x");
      await log.append(appendTo("C1", { ...messageEntry(1), payload: big, view: { ts: ts(1), message: big } }));
      expect(Buffer.from((await log.after("C1", 0, 1))[0]!.payload).equals(big)).toBe(true);
      expect(Buffer.from((await log.message("C1", ts(1)))!).equals(big)).toBe(true);
    });
  });
}
