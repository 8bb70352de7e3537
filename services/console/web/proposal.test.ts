import { expect, test } from "vitest";
import type { Preview } from "../../protocol/operator.ts";
import { askedAgain, type Proposal } from "./proposal.ts";

const preview = (epoch: number): Preview => ({ epoch, moved: { channel: epoch, presence: 0, gateway: 0 }, moves: [] });
const proposal: Proposal = { wish: { wish: "drain", server: "cs-0", weight: "", pool: "channel", id: "" }, preview: preview(7) };

test("a proposal holds while the ring is the one that it was made for", () => {
  expect(askedAgain(proposal, preview(7), false)).toBeUndefined();
});

test("another epoch is another question, about the same wish, as often as it changes", () => {
  const again = askedAgain(proposal, preview(8), false)!;
  expect(again).toEqual({ wish: proposal.wish, preview: preview(8), instead: 7, wasMoving: false });
  expect(askedAgain(again, preview(9), false)).toMatchObject({ preview: { epoch: 9 }, instead: 8 });
});

test("during a rebalance, whose every step is an epoch, it is asked once more and not for ever", () => {
  const again = askedAgain(proposal, preview(8), true)!;
  expect(again).toMatchObject({ instead: 7 });
  // Also where its last step was taken meanwhile.
  for (const isMoving of [true, false]) expect(askedAgain(again, preview(9), isMoving)).toBeUndefined();
});
