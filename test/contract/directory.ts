import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Change, Channel, Directory, Ticket, User } from "../../services/store/directory.ts";

const user = (id: string, name = id.toLowerCase()): User => ({ id, name, realName: name, botId: null, manualAway: false, manualAwayAt: 0, createdAt: 1 });
const channel = (id: string, name = id.toLowerCase()): Channel => ({ id, name, type: "channel", creator: "U1", createdAt: 1, topic: "", purpose: "" });
const ticket = (secretHash: string, expiresAt: number): Ticket => ({ secretHash, user: "U1", expiresAt, offsets: { C1: 5 }, batchPresence: true });

const change = (key: string, member: boolean, channelId = "C1", userId = "U2"): Change => ({ channel: channelId, user: userId, member, key });

/** What every engine of the directory promises. @param open a directory that is empty at each call */
export function directoryContract(name: string, open: () => Promise<Directory> | Directory): void {
  describe(`directory on ${name}`, () => {
    let directory: Directory;
    beforeEach(async () => void (directory = await open()));
    afterEach(() => directory.close());

    it("finds a user by ID and by its present name", async () => {
      expect(await directory.user("U1")).toBeUndefined();
      await directory.putUser(user("U1", "ada"));
      expect(await directory.userByName("ada")).toEqual(user("U1", "ada"));
      await directory.putUser({ ...user("U1", "lovelace"), manualAway: true });
      expect(await directory.userByName("ada")).toBeUndefined();
      expect(await directory.userByName("lovelace")).toEqual({ ...user("U1", "lovelace"), manualAway: true });
      expect(await directory.userByName("")).toBeUndefined();
    });

    it("keeps a choice of presence under a version that only grows", async () => {
      await directory.putUser(user("U1"));
      const versions = await Promise.all([true, false, true].map((away) => directory.chooseAway("U1", away, 100)));
      expect(versions.toSorted()).toEqual([100, 101, 102]);
      expect(await directory.chooseAway("U1", false, 50)).toBe(103);
      expect(await directory.user("U1")).toEqual({ ...user("U1"), manualAway: false, manualAwayAt: 103 });
      expect(await directory.chooseAway("U9", true, 100)).toBeUndefined();
    });

    it("keeps texts as they are, whatever is in them", async () => {
      const odd = "\u0000 \"quoted\" \\ {1,2} \ud800 ключ 🔑";
      await directory.putUser({ ...user("U1", odd), realName: odd, botId: "B1" });
      expect(await directory.userByName(odd)).toEqual({ ...user("U1", odd), realName: odd, botId: "B1" });
      const named: Channel = { ...channel("C1", odd), topic: odd, purpose: odd };
      expect(await directory.createChannel(named, ["U2", "U2", "U1"], "k1")).toBe(true);
      expect(await directory.createChannel(channel("C2", odd), [])).toBe(false);
      expect([await directory.channel("C1"), await directory.channelByName(odd)]).toEqual([named, named]);
      expect(await directory.members("C1", "", 10)).toEqual(["U1", "U2"]);
    });

    it("finds nothing by what is no ID", async () => {
      await directory.putUser(user("U1"));
      await directory.createChannel(channel("C1"), ["U1"]);
      for (const odd of ["", "U1\u0000", "\u0000", "\ud800", "{", "'", "é".repeat(100)]) {
        expect([await directory.user(odd), await directory.userByName(odd), await directory.channel(odd), await directory.channelByName(odd)]).toEqual(Array(4).fill(undefined));
        expect([await directory.tokenByHash(odd), await directory.takeTicket(odd, 0), await directory.deleteToken(odd)]).toEqual([undefined, undefined, false]);
        expect([await directory.isMember("C1", odd), await directory.isMember(odd, "U1"), await directory.members(odd, "", 9), await directory.channelsOf(odd)]).toEqual([false, false, [], []]);
        expect([await directory.lastRead(odd, "U1"), await directory.lastRead("C1", odd), await directory.chooseAway(odd, true, 1)]).toEqual(["", "", undefined]);
      }
    });

    it("pages users and channels in order of their IDs", async () => {
      for (const id of ["U3", "U1", "U2"]) await directory.putUser(user(id));
      for (const id of ["C3", "C1", "C2"]) await directory.createChannel(channel(id), []);
      expect((await directory.users("", 2)).map(({ id }) => id)).toEqual(["U1", "U2"]);
      expect((await directory.users("U2", 2)).map(({ id }) => id)).toEqual(["U3"]);
      expect((await directory.channels("", 10)).map(({ id }) => id)).toEqual(["C1", "C2", "C3"]);
      expect((await directory.channels("C1", 1)).map(({ id }) => id)).toEqual(["C2"]);
    });

    it("keeps tokens by their hash and forgets a deleted one", async () => {
      const token = { hash: "aa", user: "U1", label: "ci", createdAt: 2 };
      await directory.putToken(token);
      expect(await directory.tokenByHash("aa")).toEqual(token);
      expect(await directory.tokens()).toEqual([token]);
      expect(await directory.deleteToken("aa")).toBe(true);
      expect(await directory.deleteToken("aa")).toBe(false);
      expect(await directory.tokenByHash("aa")).toBeUndefined();
    });

    it("gives an ID and a name to one channel only, also when asked at once", async () => {
      const created = await Promise.all([directory.createChannel(channel("C1", "general"), ["U1"]), directory.createChannel(channel("C2", "general"), ["U2"])]);
      expect(created.filter(Boolean).length).toBe(1);
      expect(await directory.createChannel(channel(created[0] ? "C1" : "C2", "other"), [])).toBe(false);
      expect(await directory.createChannel({ ...channel("D1", ""), type: "im" }, ["U1", "U2"])).toBe(true);
      expect(await directory.createChannel({ ...channel("D2", ""), type: "im" }, ["U1", "U3"])).toBe(true);
      expect((await directory.channelByName("general"))?.name).toBe("general");
      expect(await directory.channelByName("")).toBeUndefined();
      expect(await directory.members("D1", "", 10)).toEqual(["U1", "U2"]);
    });

    it("knows memberships from both sides", async () => {
      await directory.createChannel(channel("C1"), ["U1"]);
      await directory.createChannel(channel("C10"), ["U1"]);
      expect(await directory.change(change("k1", true))).toBe("made");
      expect(await directory.members("C1", "", 10)).toEqual(["U1", "U2"]);
      expect(await directory.members("C1", "U1", 10)).toEqual(["U2"]);
      expect(await directory.members("C1", "", 1)).toEqual(["U1"]);
      expect(await directory.channelsOf("U1")).toEqual(["C1", "C10"]);
      expect(await directory.change(change("k2", false, "C1", "U1"))).toBe("made");
      expect(await directory.isMember("C1", "U1")).toBe(false);
      expect(await directory.isMember("C1", "U2")).toBe(true);
      expect(await directory.channelsOf("U1")).toEqual(["C10"]);
      expect(await directory.channelsOf("U9")).toEqual([]);
    });

    it("keeps a change as unsettled until it is settled, and makes no other of the same pair meanwhile", async () => {
      const joined: Change = { ...change("k1", true), inviter: "U1" };
      expect(await directory.change(change("k0", false))).toBe("already");
      expect(await directory.change(joined)).toBe("made");
      expect(await directory.change(change("k2", false))).toEqual(joined);
      expect(await directory.change(change("k3", true))).toEqual(joined);
      expect(await directory.isMember("C1", "U2")).toBe(true);
      await directory.settle(change("k2", false));
      expect(await directory.unsettled(["", ""], 10)).toEqual([joined]);
      await directory.settle(joined);
      expect(await directory.unsettled(["", ""], 10)).toEqual([]);
      expect(await directory.change(change("k3", true))).toBe("already");
      expect(await directory.change(change("k4", false))).toBe("made");
      expect(await directory.isMember("C1", "U2")).toBe(false);
      expect(await directory.unsettled(["", ""], 10)).toEqual([change("k4", false)]);
    });

    it("makes one of two changes of a pair that are asked for at once", async () => {
      const changes = ["k1", "k2", "k3", "k4"].map((key) => change(key, true));
      const answers = await Promise.all(changes.map((one) => directory.change(one)));
      const made = changes[answers.indexOf("made")];
      expect(answers.filter((answer) => answer !== "made")).toEqual([made, made, made]);
      expect(await directory.unsettled(["", ""], 10)).toEqual([made]);
    });

    it("pages unsettled changes, the first members of a new channel among them", async () => {
      await directory.createChannel(channel("C2"), ["U2", "U1"], "k1");
      await directory.createChannel(channel("C3"), ["U1"]);
      await directory.change(change("k2", true, "C1", "U3"));
      const all = [change("k2", true, "C1", "U3"), change("k1", true, "C2", "U1"), change("k1", true, "C2", "U2")];
      expect(await directory.unsettled(["", ""], 10)).toEqual(all);
      expect(await directory.unsettled(["", ""], 2)).toEqual(all.slice(0, 2));
      expect(await directory.unsettled(["C2", ""], 2)).toEqual(all.slice(1));
      expect(await directory.unsettled(["C2", "U1"], 2)).toEqual(all.slice(2));
    });

    it("remembers how far a user has read a channel", async () => {
      expect(await directory.lastRead("C1", "U1")).toBe("");
      await directory.mark("C1", "U1", "1700000000.000001");
      expect(await directory.lastRead("C1", "U1")).toBe("1700000000.000001");
      expect(await directory.lastRead("C1", "U2")).toBe("");
    });

    describe("as rows", () => {
      const names = ["users", "tokens", "channels", "members", "unsettled", "lastReads"] as const;
      const whole = async (): Promise<Record<string, unknown[]>> => Object.fromEntries(await Promise.all(names.map(async (name) => [name, await directory.rows[name].dump([], 100)] as const)));
      const odd = "\u0000 \"quoted\" \\ ключ 🔑";
      const used = async (): Promise<void> => {
        for (const id of ["U2", "U1"]) await directory.putUser(user(id, id === "U1" ? odd : "bob"));
        await directory.chooseAway("U1", true, 77);
        for (const hash of ["bb", "aa"]) await directory.putToken({ hash, user: "U1", label: odd, createdAt: 2 });
        await directory.createChannel(channel("C10"), ["U2", "U1"], "k1");
        await directory.createChannel(channel("C1"), ["U1"]);
        await directory.createChannel({ ...channel("D1", ""), type: "im" }, []);
        await directory.change({ ...change("k2", true), inviter: "U1" });
        for (const [id, at] of [["C10", ""], ["C1", "1700000000.000001"]] as const) await directory.mark(id, "U1", at);
      };

      it("gives out all that it keeps but tickets, in order of keys, from any key on", async () => {
        await used();
        await directory.putTicket(ticket("h1", 1000), 0);
        expect(await whole()).toEqual({
          users: await directory.users("", 9),
          tokens: await directory.tokens(),
          channels: await directory.channels("", 9),
          members: [["C1", "U1"], ["C1", "U2"], ["C10", "U1"], ["C10", "U2"]].map(([channel, user]) => ({ channel, user })),
          unsettled: await directory.unsettled(["", ""], 9),
          lastReads: [{ channel: "C1", user: "U1", ts: "1700000000.000001" }, { channel: "C10", user: "U1", ts: "" }],
        });
        expect(await directory.rows.members.dump(["C1", "U1"], 2)).toEqual([{ channel: "C1", user: "U2" }, { channel: "C10", user: "U1" }]);
        expect([await directory.rows.users.dump(["U1"], 9), await directory.rows.tokens.dump(["bb"], 9)]).toEqual([[user("U2", "bob")], []]);
      });

      it("is the same directory where its rows were loaded into an empty one, once or twice", async () => {
        await used();
        const before = await whole();
        await directory.close();
        directory = await open();
        for (let times = 1; times <= 2; times++) for (const name of names) await directory.rows[name].load(before[name] as never);
        expect(await whole()).toEqual(before);
        expect(await directory.userByName(odd)).toEqual({ ...user("U1", odd), manualAway: true, manualAwayAt: 77 });
        expect([await directory.channelByName("c10"), await directory.channelByName("")]).toEqual([channel("C10"), undefined]);
        expect(await directory.createChannel(channel("C2", "c10"), [])).toBe(false);
        expect([await directory.channelsOf("U2"), await directory.isMember("C10", "U1"), await directory.lastRead("C1", "U1")]).toEqual([["C1", "C10"], true, "1700000000.000001"]);
        expect(await directory.change(change("k3", false))).toEqual({ ...change("k2", true), inviter: "U1" });
      });
    });

    it("gives a ticket out once, also when it is asked for at once", async () => {
      await directory.putTicket(ticket("h1", 1000), 0);
      const taken = await Promise.all(Array.from({ length: 10 }, () => directory.takeTicket("h1", 999)));
      expect(taken.filter((found) => found !== undefined)).toEqual([ticket("h1", 1000)]);
    });

    it("forgets tickets that nobody took in time when others are put", async () => {
      await directory.putTicket(ticket("h1", 1000), 0);
      await directory.putTicket(ticket("h2", 9000), 2000);
      // Asked for as if it were still time: what is left of it would be given out.
      expect(await directory.takeTicket("h1", 500)).toBeUndefined();
      expect(await directory.takeTicket("h2", 2000)).toEqual(ticket("h2", 9000));
    });

    it("gives no expired or unknown ticket out", async () => {
      await directory.putTicket(ticket("h1", 1000), 0);
      expect(await directory.takeTicket("h9", 0)).toBeUndefined();
      expect(await directory.takeTicket("h1", 1001)).toBeUndefined();
      // It was asked for, so it is gone.
      expect(await directory.takeTicket("h1", 500)).toBeUndefined();
    });
  });
}
