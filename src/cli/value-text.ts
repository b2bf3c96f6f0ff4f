import type { JsonValue } from "../foundation/json.ts";
import { fromWire, printValue } from "../rtfs/index.ts";

/** A wire value as RTFS text: what a plan's result looks like on stdout. */
export function valueText(wire: JsonValue): string {
  const value = fromWire(wire);
  return value.ok ? printValue(value.value) : JSON.stringify(wire);
}
