import { describe, expect, test } from "vitest";
import { readForms } from "../../syntax/reader.ts";
import { parseType } from "../compile-type.ts";
import { jsonSchemaToType } from "./from-schema.ts";
import { typeToJsonSchema } from "./to-schema.ts";

describe("the deepest types", () => {
  const nested = (open: string, close: string, depth: number): string =>
    `${open.repeat(depth)}nil${close.repeat(depth)}`;

  test.each([
    ["maps", nested("{:a ", "}", 64)],
    ["maps twice bounded", nested("[:and {:a ", "} [:map [:a :any]]]", 32)],
    ["vectors", nested("[:vector ", "]", 64)],
    ["unions", nested("[:union :int [:map [:a ", "]]]", 32)],
  ])("of %s, in a program, are written and read", (_, text) => {
    const forms = readForms(text, { file: "t" });
    const type = forms.ok ? parseType(forms.value[0]!) : forms;
    if (!type.ok) throw new Error("no type");
    const schema = typeToJsonSchema(type.value, new Map());
    expect(schema.ok && jsonSchemaToType(schema.value).ok).toBe(true);
  });
});
