/**
 * Regular expressions, in the dialect and the linear time of ../regex. A search pays for itself.
 *
 * @module
 */
import { compilePattern, type Pattern } from "../regex/index.ts";
import { type Value, Vector } from "../values/value.ts";
import type { BuiltinMachine } from "./builtin.ts";
import { type Entry, entry, invalidArgument, stringArgument } from "./entry.ts";

/** Compiled patterns that are kept: a program uses few, in loops. */
const KEPT_MAX = 64;
const kept = new Map<string, Pattern>();

function patternArgument(
  value: Value | undefined,
  operation: string,
  machine: BuiltinMachine,
): Pattern {
  const source = stringArgument(value, operation);
  // Paid for also when it is kept: fuel must not depend on what ran before.
  machine.spend(source.length);
  const known = kept.get(source);
  if (known !== undefined) return known;
  const compiled = compilePattern(source);
  if (!compiled.ok) throw invalidArgument(`${operation}: ${compiled.error}`);
  if (kept.size >= KEPT_MAX) kept.clear();
  kept.set(source, compiled.value);
  return compiled.value;
}

type Search = (pattern: Pattern, text: string, machine: BuiltinMachine) => Value;

function searcher(name: string, words: readonly [string, string, string], search: Search): Entry {
  const [type, doc, example] = words;
  const errors = "TypeError InvalidArgument";
  return entry(name, 2, { type, doc, example, errors }, ([source, subject], machine) => {
    const pattern = patternArgument(source, name, machine);
    if (subject === null) return name === "re-seq" ? new Vector([]) : null;
    return search(pattern, stringArgument(subject, name), machine);
  });
}

export const PATTERNS: readonly Entry[] = [
  searcher(
    "re-matches",
    [
      "string string? → string?",
      "The text when a pattern matches all of it, else nil; of nil, nil",
      '[(re-matches "[a-z]+[0-9]" "ab1") (re-matches "[a-z]+" "ab1")] ;; => ["ab1" nil]',
    ],
    (pattern, text, { meter }) => pattern.match(text, meter),
  ),
  searcher(
    "re-find",
    [
      "string string? → string?",
      "The first match anywhere, else nil; of nil, nil",
      '[(re-find "[0-9]+" "a12b3") (re-find "x" "abc")] ;; => ["12" nil]',
    ],
    (pattern, text, { meter }) => pattern.find(text, meter),
  ),
  searcher(
    "re-seq",
    [
      "string string? → vector",
      "All matches from left to right that do not overlap; of nil, none",
      '[(re-seq "[0-9]+" "a12b3") (re-seq "x" "abc")] ;; => [["12" "3"] []]',
    ],
    (pattern, text, { meter }) => new Vector(pattern.all(text, meter)),
  ),
];
