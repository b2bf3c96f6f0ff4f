import { describe, expect, test } from "vitest";
import { formToValue } from "../syntax/form.ts";
import { readForms } from "../syntax/reader.ts";
import { type Value, Vector } from "../values/value.ts";
import { compileType } from "./compile-type.ts";
import type { TypeFailure } from "./failure.ts";

function value(source: string): Value {
  const read = readForms(source, { file: "v" });
  if (!read.ok) throw new Error(read.error[0]?.message);
  return formToValue(read.value[0]!);
}

function check(type: string, source: string): TypeFailure | null {
  const compiled = compileType(type);
  if (!compiled.ok) throw new Error(compiled.error.message);
  return compiled.value.check(value(source));
}

describe("compileType", () => {
  test.each([
    [":any", "nil"],
    ["int", "1"],
    ["Int", "9223372036854775807"],
    [":float", "1"],
    [":number", "1.0"],
    [":bool", "true"],
    [":string?", "nil"],
    ["[:vector :int]", "[1 2]"],
    ["[:vector :int]", "[]"],
    ["[:tuple :string :int ?]", '["a"]'],
    ["[:tuple :string :int ?]", '["a" 1]'],
    ["[:map [:a :int] [:b :string ?]]", "{:a 1 :extra 2}"],
    ["[:map [:a :int]]", '{"a" 1}'],
    ["[:map {:a :int}]", "{:a 1}"],
    ["[:map [:* :int]]", "{:a 1 :b 2}"],
    ["[:map-of [:union :string :keyword] :int]", '{:a 1 "b" 2}'],
    ["[:union :int :nil]", "nil"],
    ["[:optional :int]", "nil"],
    ['[:enum :a "b" 3]', "3"],
    ["[:val 1.0]", "1.0"],
    ["[:and :int [:>= 0] [:< 10]]", "9"],
    ["[:and :string [:max-length 1]]", '"😀"'],
    ["[:and [:vector :int] [:min-count 1]]", "[1]"],
    ["[:and :map [:required-keys [:a]]]", "{:a 1}"],
    ["[:array :int [2]]", "[1 2]"],
    [":timestamp", "2026-01-01T00:00:00Z"],
  ])("%s accepts %s", (type, source) => {
    expect(check(type, source)).toBeNull();
  });

  test.each([
    [":never", "nil", "", "never", "nil"],
    [":int", "1.0", "", "int", "float"],
    [":string", "nil", "", "string", "nil"],
    ["[:vector :int]", '[1 "a"]', "[1]", "int", "string"],
    ["[:vector :int]", "(1)", "", "vector", "list"],
    ["[:tuple :int]", "[1 2]", "", "a vector of 1 item", "2"],
    ["[:map [:url :string]]", "{}", ".url", "a value", "nothing"],
    ["[:map [:url :string]]", "{:url nil}", ".url", "string", "nil"],
    [
      "[:map [:url :string]]",
      '{:url "a" "url" "b"}',
      ".url",
      "one key",
      "a keyword and a string key",
    ],
    ["[:map [:a :int] [:* :int]]", '{:a 1 :b "x"}', ".b", "int", "string"],
    ["[:map-of :string :int]", "{:a 1}", ".a", "key string", "keyword"],
    ["[:tuple [:map [:a [:vector :int]]]]", '[{:a [1 "x"]}]', "[0].a[1]", "int", "string"],
    ["[:union [:tuple :int] [:tuple :int :string]]", '["x"]', "[0]", "int", "string"],
    ["[:union :int :string]", ":k", "", "int or string", "keyword"],
    ["[:enum :a :b]", ":c", "", ":a or :b", "keyword"],
    ["[:and :int [:>= 0]]", "-1", "", "[:>= 0]", "-1"],
    [
      "[:and :string [:min-length 2]]",
      '"😀"',
      "",
      "[:min-length 2]",
      "a value that does not hold it",
    ],
  ])("%s refuses %s at %j", (type, source, ...failure) => {
    const [path, expected, actual] = failure;
    expect(check(type, source)).toMatchObject({ path, expected, actual });
  });

  test("a JS array is checked as the vector of its items", () => {
    const compiled = compileType("[:tuple :int [:map [:a :int]]]");
    expect(compiled.ok && compiled.value.check([1, value("{:a 1}")])).toBeNull();
    expect(compiled.ok && compiled.value.check([1, value("{}")])).toMatchObject({ path: "[1].a" });
  });

  test.each([
    ["strng", "No type is called `strng`"],
    ["[:vectr :int]", "No type constructor is called `vectr`"],
    ["[:vector]", "This type takes exactly one part"],
    ["[:map [:a]]", "A field is [:key T] or [:key T ?]"],
    ["[:map [:a :int] [:a :int]]", "The field `a` stands twice"],
    ["[:tuple :int ? :string]", "A required element stands after an optional one"],
    ["[:and :int [:>= :x]]", "This predicate needs a number"],
    ["", "A type is exactly one form"],
    [":int :string", "A type is exactly one form"],
    ["[:vector", "`[` is never closed"],
    ["[:vector ".repeat(40), "The text nests deeper than 32"],
  ])("refuses the type %j", (type, message) => {
    const compiled = compileType(type);
    expect(compiled.ok ? null : compiled.error.message).toBe(message);
  });

  test("a value of too many shared parts does not fit, in bounded work", () => {
    let nested: Value = 1;
    for (let level = 0; level < 31; level++) nested = new Vector([nested, nested]);
    const compiled = compileType(`${"[:vector ".repeat(31)}:int${"]".repeat(31)}`);
    expect(compiled.ok && compiled.value.check(nested)).toMatchObject({
      path: "",
      expected: "a value that can be checked",
      actual: "A value has over 10000000 parts",
    });
  });

  test("hostile field names are plain names", () => {
    expect(check("[:map [:constructor :int]]", "{}")).toMatchObject({
      path: ".constructor",
      actual: "nothing",
    });
    expect(check("[:map [:__proto__ :int]]", "{:__proto__ 1}")).toBeNull();
  });
});
