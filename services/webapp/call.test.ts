import { expect, test } from "vitest";
import { readCall, type Call } from "./call.ts";

const read = (contentType: string | undefined, body: string, query = "", authorization?: string): Call => readCall({ query, contentType, authorization, body: Buffer.from(body) });

test("arguments come from the query, a form or JSON", () => {
  expect(read(undefined, "", "channel=C1&text=a%20b").args).toEqual({ channel: "C1", text: "a b" });
  expect(read("application/x-www-form-urlencoded; charset=utf-8", "text=a+b").args).toEqual({ text: "a b" });
  expect(read("application/json", '{"n":1}', "n=0&m=2").args).toEqual({ n: 1, m: "2" });
});

test("the token of the header wins over the argument, which never counts as an argument", () => {
  expect(read(undefined, "", "token=a&x=1", "Bearer b")).toEqual({ token: "b", args: { x: "1" } });
  expect(read("application/json", '{"token":"a"}', "", "Basic b")).toEqual({ token: "a", args: {} });
  expect(read("application/json", '{"token":7}').token).toBeUndefined();
});

test.each([
  [undefined, "x", "missing_post_type"],
  ["multipart/form-data; boundary=x", "x", "invalid_post_type"],
  ["text/html", "x", "invalid_post_type"],
  ["application/json", "{", "invalid_json"],
  ["application/json", `{"blocks":${"[".repeat(5_000)}${"]".repeat(5_000)}}`, "invalid_json"],
  ["application/json", "[]", "json_not_object"],
  ["application/json", "null", "json_not_object"],
])("a body of type %s holding %j is %s", (type, body, code) => {
  expect(() => read(type, body)).toThrow(code);
});
