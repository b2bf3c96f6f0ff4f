import type { EgressRule, FileRule, Verdict } from "./types.ts";

/** What a rule that matches answers: yes, or that somebody must be asked. */
export function grantOf(
  { rule, ask }: Pick<EgressRule | FileRule, "rule" | "ask">,
  when: string,
): Verdict {
  return ask === undefined
    ? { kind: "allow", rule }
    : { kind: "ask", rule, question: `${rule} asks ${when}` };
}
