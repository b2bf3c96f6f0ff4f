import { familyOf, isErrorKind, kindKeyword, type RtfsError } from "./rtfs-error.ts";
import { keyword } from "./value.ts";

const EVERYTHING = new Set(["Exception", "Error", "_"]);

/**
 * Which errors a `catch` clause takes.
 *
 * @param type - Null: all. A symbol's name, or a keyword's name with a colon before it.
 */
export function catchTest(type: string | null): (error: RtfsError) => boolean {
  if (type === null || EVERYTHING.has(type)) return () => true;
  if (type.startsWith(":")) {
    const name = type.slice(1);
    const key = keyword(name);
    return (error) =>
      kindKeyword(error.kind) === name ||
      kindKeyword(familyOf(error.kind)) === name ||
      error.payload.get(keyword("type")) === key;
  }
  // A name that is no kind of the language catches everything, as programs written elsewhere
  // expect.
  if (!isErrorKind(type)) return () => true;
  return (error) => error.kind === type || familyOf(error.kind) === type;
}
