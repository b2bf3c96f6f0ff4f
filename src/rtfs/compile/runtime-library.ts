/**
 * What compiled code calls in place of library functions whose calls are most frequent: the same
 * outcome, with the same fuel.
 *
 * @module
 */
import type { Builtin } from "../stdlib/builtin.ts";
import { partsArgument } from "../stdlib/entry.ts";
import { firstItem } from "../stdlib/higher-order.ts";
import { checkSize, SIZE_MAX } from "../values/limits.ts";
import { add } from "../values/numbers.ts";
import { displayMetered } from "../values/print.ts";
import type { Value } from "../values/value.ts";
import type { CompiledMachine } from "./machine.ts";

/** What the loops of write-walk.ts call. */
export function walks(machine: CompiledMachine): Readonly<Record<string, unknown>> {
  return {
    /** The items of a call of `map`, `filter` or `reduce`, which is paid for. */
    begin: (name: string, subject: Value, site: number, depth: number): readonly Value[] => {
      machine.site = site;
      if (--machine.fuel < 0) machine.refuel();
      machine.depth = depth;
      return partsArgument(subject, name, machine);
    },
    firstOf: (items: readonly Value[]): Value => firstItem(items),
    run1: (builtin: Builtin, a: Value): Value => builtin.run([a], machine),
    run2: (builtin: Builtin, a: Value, b: Value): Value => builtin.run([a, b], machine),
    /** `first` plus the items from an index on, a unit of fuel for each. */
    sum: (items: readonly Value[], from: number, first: Value): Value => {
      let at = from;
      let result = first;
      if (Number.isSafeInteger(first)) {
        const end = Math.min(items.length, from + machine.fuel);
        let total = first as number;
        for (; at < end; at++) {
          const item = items[at];
          if (typeof item !== "number" || !Number.isInteger(item)) break;
          const next = total + item;
          if (Math.abs(next) > Number.MAX_SAFE_INTEGER) break;
          total = next;
        }
        machine.fuel -= at - from;
        result = total;
      }
      for (; at < items.length; at++) {
        if (--machine.fuel < 0) machine.refuel();
        result = add(result, items[at]!);
      }
      return result;
    },
  };
}

/** `str` of few arguments: as the library's, with ropes instead of copies, paid for at once. */
export function texts(machine: CompiledMachine): Readonly<Record<string, unknown>> {
  /** Null: no string and no integer. */
  const textOf = (value: Value): string | null => {
    if (typeof value === "string") return value;
    return Number.isSafeInteger(value) ? `${value as number}` : null;
  };
  /** What it costs to show a value. */
  const costOf = (value: Value, text: string): number =>
    typeof value === "string" ? 0 : 1 + (text.length >>> 3);
  const slow = (values: readonly Value[], site: number): string => {
    machine.site = site;
    if (--machine.fuel < 0) machine.refuel();
    let text = "";
    for (const value of values) {
      text += displayMetered(value, machine.meter);
      checkSize(text.length, "str");
    }
    machine.spend(text.length >>> 3);
    return text;
  };
  return {
    text1: (a: Value, site: number): string => {
      const first = textOf(a);
      if (first === null || first.length > SIZE_MAX) return slow([a], site);
      machine.site = site;
      machine.spend(1 + costOf(a, first) + (first.length >>> 3));
      return first;
    },
    text2: (a: Value, b: Value, site: number): string => {
      const first = textOf(a);
      const second = textOf(b);
      if (first === null || second === null) return slow([a, b], site);
      const length = first.length + second.length;
      if (length > SIZE_MAX) return slow([a, b], site);
      machine.site = site;
      machine.spend(1 + costOf(a, first) + costOf(b, second) + (length >>> 3));
      return first + second;
    },
    text3: (a: Value, b: Value, c: Value, site: number): string => {
      const first = textOf(a);
      const second = textOf(b);
      const third = textOf(c);
      if (first === null || second === null || third === null) return slow([a, b, c], site);
      const length = first.length + second.length + third.length;
      if (length > SIZE_MAX) return slow([a, b, c], site);
      machine.site = site;
      const shown = costOf(a, first) + costOf(b, second) + costOf(c, third);
      machine.spend(1 + shown + (length >>> 3));
      return first + second + third;
    },
  };
}
