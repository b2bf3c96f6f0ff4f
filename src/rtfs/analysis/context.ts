import type { Block } from "./names.ts";

/** Where a form stands. */
export interface Context {
  readonly block: Block;
  /** Its value is the value of the enclosing function: a call here takes no stack. */
  readonly isTail: boolean;
  /** It may not be reached although the forms before it were. */
  readonly isConditional: boolean;
}

/** The same place, but its value goes to an argument or a test. */
export function argumentContext(context: Context): Context {
  return context.isTail ? { ...context, isTail: false } : context;
}
