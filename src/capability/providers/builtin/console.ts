import { displayValue, type Value } from "../../../rtfs/index.ts";
import { defineCapability, done } from "../../define.ts";
import type { Capability } from "../../types.ts";

/** Longest logged text of one call, UTF-16 units; the rest is counted, not kept. */
const TEXT_LENGTH_MAX = 8192;

const logging = (name: string, summary: string): Capability =>
  defineCapability({
    id: `ccos.io.${name}`,
    summary,
    effects: [],
    parameters: "variadic",
    output: ":nil",
    invoke(values, ports) {
      ports.log("info", textOf(values));
      return Promise.resolve(done(null));
    },
  });

function textOf(values: readonly Value[]): string {
  const text = values.map(displayValue).join(" ");
  if (text.length <= TEXT_LENGTH_MAX) return text;
  const kept = text.slice(0, TEXT_LENGTH_MAX).toWellFormed();
  return `${kept}… (${text.length - TEXT_LENGTH_MAX} more)`;
}

/** All three write to the run's log: the program's own stdout is its result, and stays clean. */
export const CONSOLE: readonly Capability[] = [
  logging("log", "Writes the values to the run's log, separated by spaces"),
  logging("print", "Same as log"),
  logging("println", "Same as log"),
];
