/**
 * The paths of structured DLP rules: `$.user.ssn`, `$.items[*].card`, `$.list[0]`, `$..ssn`.
 *
 * A part of RFC 9535: names, indexes, wildcards and descendants; no filters, slices or unions. Names
 * with other units than letters, digits, `_` and `-` are written `["…"]`.
 *
 * @module
 */
import { err, ok, type Result } from "../../foundation/result.ts";
import type { JsonPlace } from "./json-walk.ts";

export type JsonPathStep =
  | { readonly kind: "key"; readonly name: string }
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "any" }
  /** Any number of steps, then this name. */
  | { readonly kind: "deep"; readonly name: string };

const STEP =
  /\.\.([A-Za-z0-9_-]+)|\.([A-Za-z0-9_-]+)|\[(\d{1,9})\]|(\.\*|\[\*\])|\["([^"\\]{1,128})"\]/y;
const STEPS_MAX = 32;

/** Read a path, or say what it is instead. */
export function parseJsonPath(path: string): Result<readonly JsonPathStep[], string> {
  if (!path.startsWith("$")) return err("a path begins with $");
  const steps: JsonPathStep[] = [];
  for (let at = 1; at < path.length; at = STEP.lastIndex) {
    STEP.lastIndex = at;
    const found = STEP.exec(path);
    if (found === null)
      return err(`no step can be read at ${at + 1}: write .name, [0], [*] or ..name`);
    const [, deep, name, index, any, quoted] = found;
    if (deep !== undefined) steps.push({ kind: "deep", name: deep });
    else if (index !== undefined) steps.push({ kind: "index", index: Number(index) });
    else if (any !== undefined) steps.push({ kind: "any" });
    else steps.push({ kind: "key", name: name ?? quoted ?? "" });
  }
  if (steps.length === 0) return err("a path names at least one step after $");
  return steps.length > STEPS_MAX ? err(`a path has at most ${STEPS_MAX} steps`) : ok(steps);
}

/** Whether the path leads to the place. */
export function leadsTo(steps: readonly JsonPathStep[], place: JsonPlace): boolean {
  return matches(steps, 0, place, 0);
}

function matches(
  steps: readonly JsonPathStep[],
  step: number,
  place: JsonPlace,
  at: number,
): boolean {
  const next = steps[step];
  if (next === undefined) return at === place.length;
  if (at === place.length) return false;
  const found = place[at];
  switch (next.kind) {
    case "any":
      return matches(steps, step + 1, place, at + 1);
    case "key":
      return found === next.name && matches(steps, step + 1, place, at + 1);
    case "index":
      return found === next.index && matches(steps, step + 1, place, at + 1);
    case "deep":
      return place.some(
        (key, index) =>
          index >= at && key === next.name && matches(steps, step + 1, place, index + 1),
      );
  }
}
