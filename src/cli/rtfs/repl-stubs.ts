import type { JsonObject } from "../../foundation/json.ts";

/** `returns VALUE`, `echo first|all`, `fails Kind` as a request's `stubs`; null when it is none. */
export function parseStub(id: string, text: string): JsonObject | null {
  const found = /^(returns|echo|fails)\s+(\S.*)$/s.exec(text);
  if (id === "" || found === null) return null;
  const [, kind, value] = found as unknown as readonly [string, string, string];
  return { [id.replace(/^:/, "")]: { [kind]: value } };
}
