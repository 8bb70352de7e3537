import { RingwayError } from "@ringway/client";
import { expect, test } from "vitest";
import { explain, wrongName, wrongText, wrongToken } from "./complaints.ts";

test.each([
  ["", "Write something first."],
  [" \n\t", "Write something first."],
  ["x".repeat(40_001), "The message has 40,001 characters: at most 40,000 fit."],
  ["ü".repeat(35_000), "The message is 70,002 bytes: at most 60,000 fit."],
  ["x".repeat(40_000), undefined],
  ["<img src=x>", undefined],
])("a text is looked at before it is sent (%#)", (text, wrong) => expect(wrongText(text)).toBe(wrong));

test.each([
  ["", "Give the channel a name."],
  ["Hello World", "A name holds a–z, 0–9, - and _, and nothing else."],
  ["--", "A name needs a letter or a digit."],
  ["x".repeat(81), "The name has 81 characters: at most 80 fit."],
  ["plans-2027", undefined],
])("a channel's name, too: %j", (name, wrong) => expect(wrongName(name)).toBe(wrong));

test.each([
  ["", "Paste a token first."],
  ["a b", "A token holds no spaces, and nothing beyond ASCII."],
  ["xoxp-dev-ada", undefined],
])("and a token: %j", (token, wrong) => expect(wrongToken(token)).toBe(wrong));

test("a refusal is told in words, and one without words by its name", () => {
  expect(explain(new RingwayError("name_taken"))).toBe("A channel has this name already. Choose another.");
  expect(explain(new RingwayError("restricted_action"))).toBe("It did not work: restricted_action.");
});
