/**
 * Capabilities without an effect: JSON to values and back, echo, addition. What does not fit is an
 * answer, not a fault.
 *
 * @module
 */
import { ok } from "../../../foundation/result.ts";
import { defineCapability, done, failed, invalid } from "../../define.ts";
import { parseJsonText, writeJsonText } from "../../json-text.ts";
import { addNumbers, isNumeric } from "../../numbers.ts";
import type { Capability } from "../../types.ts";

const parsing = (id: string): Capability =>
  defineCapability({
    id,
    summary: "The value of a JSON text; objects become maps with string keys",
    effects: [],
    parameters: [{ name: "text", type: ":string" }],
    output: ":any",
    invoke([text]) {
      const parsed = parseJsonText(text as string);
      return Promise.resolve(
        parsed.ok ? done(parsed.value) : failed("SCHEMA_INPUT", `argument [0]: ${parsed.error}`),
      );
    },
  });

const writing = (id: string, pretty: boolean): Capability =>
  defineCapability({
    id,
    summary: pretty ? "JSON text, indented by two spaces" : "Compact JSON text, keys sorted",
    effects: [],
    parameters: [{ name: "value", type: ":any" }],
    positionalOnly: true,
    output: ":string",
    invoke([value]) {
      const written = writeJsonText(value ?? null, pretty);
      return Promise.resolve(
        written.ok ? done(written.value) : failed("SCHEMA_INPUT", `argument [0]: ${written.error}`),
      );
    },
  });

const echo: Capability = defineCapability({
  id: "ccos.echo",
  summary: "The value it is given",
  effects: [],
  parameters: [{ name: "value", type: ":any" }],
  positionalOnly: true,
  output: ":any",
  invoke: ([value]) => Promise.resolve(done(value ?? null)),
});

const mathAdd: Capability = defineCapability({
  id: "ccos.math.add",
  summary: "a + b; integers are exact, more than 64 bits is an error",
  effects: [],
  parameters: [
    { name: "a", type: ":number" },
    { name: "b", type: ":number" },
  ],
  output: ":number",
  access([a, b]) {
    if (!isNumeric(a)) return invalid("[0]", "expected a number");
    return isNumeric(b) ? ok(null) : invalid("[1]", "expected a number");
  },
  invoke([a, b]) {
    const sum = isNumeric(a) && isNumeric(b) ? addNumbers(a, b) : null;
    return Promise.resolve(
      sum === null ? failed("SCHEMA_INPUT", "the sum does not fit a 64-bit integer") : done(sum),
    );
  },
});

export const DATA: readonly Capability[] = [
  parsing("ccos.data.parse-json"),
  parsing("ccos.json.parse"),
  writing("ccos.data.serialize-json", false),
  writing("ccos.json.stringify", false),
  writing("ccos.json.stringify-pretty", true),
  echo,
  mathAdd,
];
