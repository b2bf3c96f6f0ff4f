/**
 * Strings, counted and cut by code point. Work is paid for by length.
 *
 * @module
 */
import { checkSize } from "../eval/limits.ts";
import type { Machine } from "../eval/machine.ts";
import { displayMetered } from "../values/print.ts";
import { type Value, Vector } from "../values/value.ts";
import {
  alias,
  type Entry,
  entry,
  indexArgument,
  itemsArgument,
  MANY,
  outOfBounds,
  stringArgument,
} from "./entry.ts";

/** Characters that one unit of fuel copies. */
const CHARACTERS_PER_UNIT_LOG2 = 3;

function pay(machine: Machine, characters: number): void {
  machine.spend(characters >>> CHARACTERS_PER_UNIT_LOG2);
}

/** `str`, and the elements of `join`. Refuses before it builds. */
function concatenate(values: readonly Value[], separator: string, machine: Machine): string {
  const parts: string[] = [];
  let length = 0;
  for (const value of values) {
    const part = displayMetered(value, machine.meter);
    length += part.length + separator.length;
    checkSize(length, "str");
    parts.push(part);
  }
  pay(machine, length);
  return parts.join(separator);
}

/** Number of code points. */
export function codePointCount(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xdc00 && unit <= 0xdfff) count--;
  }
  return count;
}

/** The UTF-16 offset of a code point; null past the end. */
function offsetOf(text: string, index: number): number | null {
  let at = 0;
  for (let left = index; left > 0; left--) {
    if (at >= text.length) return null;
    at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  }
  return at;
}

function substring([subject, from, to]: readonly Value[], machine: Machine): string {
  const text = stringArgument(subject, "substring");
  const start = indexArgument(from, "substring");
  pay(machine, text.length);
  const length = codePointCount(text);
  const end = to === undefined ? length : indexArgument(to, "substring");
  if (start < 0 || start > end) throw outOfBounds("substring", start, length);
  if (end > length) throw outOfBounds("substring", end, length);
  return text.slice(offsetOf(text, start)!, offsetOf(text, end)!);
}

function split([subject, by]: readonly Value[], machine: Machine): Vector {
  const text = subject === null ? "" : stringArgument(subject, "split");
  const separator = stringArgument(by, "split");
  machine.spend(text.length);
  return new Vector(separator === "" ? Array.from(text) : text.split(separator));
}

function tester(name: string, test: (text: string, part: string) => boolean): Entry {
  return entry(name, 2, "Tests for a part of a string", ([subject, part], machine) => {
    const wanted = stringArgument(part, name);
    if (subject === null) return false;
    const text = stringArgument(subject, name);
    pay(machine, text.length);
    return test(text, wanted);
  });
}

function mapper(name: string, doc: string, change: (text: string) => string): Entry {
  return entry(name, 1, doc, ([subject], machine) => {
    const text = stringArgument(subject, name);
    pay(machine, text.length);
    const changed = change(text);
    checkSize(changed.length, name);
    return changed;
  });
}

const length = entry("string-length", 1, "Number of code points", ([subject], machine) => {
  const text = stringArgument(subject, "string-length");
  pay(machine, text.length);
  return codePointCount(text);
});
const join = entry(
  "join",
  2,
  "Elements as `str` shows them, with a separator between",
  (args, machine) =>
    concatenate(itemsArgument(args[1], "join"), stringArgument(args[0], "join"), machine),
);
const contains = tester("string-contains", (text, part) => text.includes(part));

export const STRINGS: readonly Entry[] = [
  entry("str", [0, MANY], "All arguments as one text", (args, machine) =>
    concatenate(args, "", machine),
  ),
  length,
  entry("substring", [2, 3], "From start to end, end excluded", substring),
  contains,
  alias("string-contains?", contains),
  tester("starts-with?", (text, part) => text.startsWith(part)),
  tester("ends-with?", (text, part) => text.endsWith(part)),
  entry("split", 2, "Parts between a literal separator; empty: characters", split),
  join,
  alias("string-join", join),
  mapper("string-upper", "In upper case", (text) => text.toUpperCase()),
  mapper("string-lower", "In lower case", (text) => text.toLowerCase()),
  mapper("string-trim", "Without white space at both ends", (text) => text.trim()),
];
