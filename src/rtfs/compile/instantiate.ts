import { RtfsError } from "../values/rtfs-error.ts";

/** Code made from text. */
export type Entry = (...args: readonly unknown[]) => unknown;

/**
 * The one place where text becomes code. Only the evaluator inside the walls comes here.
 *
 * @throws {RtfsError} RuntimeError where the process forbids to make code from text: the program
 *   does not run, and no other engine takes its place.
 */
export function instantiate(parameters: readonly string[], text: string): Entry {
  try {
    return new Function(...parameters, text) as Entry;
  } catch (error) {
    if (!(error instanceof EvalError)) throw error;
    throw new RtfsError(
      "RuntimeError",
      "This process forbids to make code from text (--disallow-code-generation-from-strings), " +
        "which the compiled engine needs",
    );
  }
}
