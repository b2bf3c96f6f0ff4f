/**
 * Effects for people: `ccos plan` and `ccos rtfs effects` show rows alike.
 *
 * @module
 */
import type { EffectKind, EffectParameters, EffectRow, ParameterValue } from "../rtfs/index.ts";

/** Items of one parameter that are shown; the rest are counted. */
const ITEMS_SHOWN_MAX = 6;

/** `fs paths /a modes read · clock`; `none` for pure code. Not yet safe for a terminal. */
export function rowText(row: EffectRow): string {
  if (row.size === 0) return "none";
  return [...row].map(([kind, parameters]) => effectText(kind, parameters)).join(" · ");
}

function effectText(kind: EffectKind, parameters: EffectParameters): string {
  const bounds = [...parameters.values()].filter((value) => typeof value !== "boolean");
  if (bounds.length > 0 && bounds.every((value) => value === "any")) return `${kind} any`;
  const shown = [...parameters].flatMap(([name, value]) => {
    const text = valueText(value);
    return text === null ? [] : [`${name} ${text}`];
  });
  return [kind, ...shown].join(" ");
}

/** Null: nothing worth saying. */
function valueText(value: ParameterValue): string | null {
  if (typeof value === "boolean") return value ? "yes" : null;
  if (typeof value !== "object") return String(value);
  if (value.length === 0) return null;
  const more = value.length > ITEMS_SHOWN_MAX ? [`… (${value.length - ITEMS_SHOWN_MAX} more)`] : [];
  return [...value.slice(0, ITEMS_SHOWN_MAX), ...more].join(",");
}
