import { describe, expect, test } from "vitest";
import { broken, PresenceJudge, type Span } from "./presence-judge.ts";

const span = (from: number, to: number, hurtsPresence = false): Span => ({ from, to, hurtsPresence });

/** A watcher who has been shown for a minute that a user is there. */
function watching(): PresenceJudge {
  const judge = new PresenceJudge(["w"], ["u"]);
  judge.live("u", true, 0);
  judge.asked("w", 10);
  judge.told("w", "u", true, 20);
  return judge;
}

describe("the judge of presence", () => {
  test("finds nothing wrong with who leaves, and is called away after their grace period", () => {
    const judge = watching();
    judge.live("u", false, 60_000);
    judge.told("w", "u", false, 65_010);
    const [seen] = judge.judge([span(60_000, 61_000)], 70_000);
    expect(seen).toEqual({ awayMs: 0, activeMs: 5_010, untoldMs: 0, early: 0 });
    expect(broken(seen!)).toEqual([]);
  });

  test("counts who is called away within the grace period for the event that began last, though the plane was whole again by then", () => {
    const judge = watching();
    judge.live("u", false, 60_000);
    judge.told("w", "u", false, 63_000);
    const seen = judge.judge([span(60_000, 61_000), span(62_000, 62_500), span(66_000, 66_500)], 70_000);
    expect(seen.map(({ early }) => early)).toEqual([0, 1, 0]);
    expect(broken(seen[1]!)).toEqual(["1 times somebody was called away within their grace period"]);
  });

  test("forgives it after a presence server was hurt, for as long as the next one needs, and no longer", () => {
    const early = (at: number): number => {
      const judge = watching();
      judge.live("u", false, at - 1_000);
      judge.told("w", "u", false, at);
      return judge.judge([span(60_000, 61_500, true)], 80_000)[0]!.early;
    };
    expect([early(60_500), early(64_000), early(65_000)]).toEqual([0, 0, 1]);
  });

  test("counts who is called away though they are there, also for a moment", () => {
    const judge = watching();
    judge.told("w", "u", false, 60_000);
    judge.told("w", "u", true, 60_050);
    expect(judge.judge([span(59_000, 59_500)], 70_000)).toEqual([{ awayMs: 50, activeMs: 0, untoldMs: 0, early: 1 }]);
  });

  test("lets who was away for long be called so until it is known that they are back", () => {
    const judge = new PresenceJudge(["w"], ["u"]);
    judge.asked("w", 0);
    judge.told("w", "u", false, 10);
    judge.live("u", true, 1_000);
    judge.told("w", "u", false, 1_005);
    judge.told("w", "u", true, 1_030);
    expect(judge.judge([span(500, 600)], 5_000)).toEqual([{ awayMs: 30, activeMs: 0, untoldMs: 0, early: 0 }]);
  });

  test("does not take a reconnect for the end of what was wrong, nor silence for an answer", () => {
    const judge = watching();
    judge.live("u", false, 60_000);
    judge.lost("w", 68_000);
    judge.asked("w", 68_500);
    const [seen] = judge.judge([span(60_000, 61_000)], 80_000);
    expect(seen).toEqual({ awayMs: 0, activeMs: 20_000, untoldMs: 11_500, early: 0 });
    expect(broken(seen!)).toHaveLength(2);
  });
});
