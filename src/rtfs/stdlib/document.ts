import type { Entry } from "./entry.ts";
import { FAMILIES } from "./index.ts";

const PREAMBLE = `# The library

Every function of the language, printed from its table by \`node scripts/stdlib-doc.mjs\`; a test keeps them equal and runs every example. Rules that hold
for all of them are in [semantics](semantics.md), section 16.

All functions are pure: same arguments, same result, no clock, no randomness, nothing outside. A function that is given may call the host. The number of
arguments is checked first (ArityMismatch). All work is paid for in fuel, so every function may end in FuelExhausted, and in LimitExceeded where its result
would be over 10 000 000 items or characters. *Raises* names the other kinds.

In signatures \`num\` is int or float, \`seq\` a vector or a list, \`coll\` also a string or a map, \`key\` a keyword, a string or an int, \`fn\` anything that can be
called, \`?\` optional, \`…\` any number. There are no sets, no lazy sequences and no mutable references: none of the functions that need them.
`;

/** The text of docs/rtfs/stdlib.md. */
export function libraryDocument(): string {
  const sections = FAMILIES.map(([title, entries]) =>
    [`\n## ${title}\n`, ...entries.map(section)].join("\n"),
  );
  return PREAMBLE + sections.join("");
}

function section(entry: Entry): string {
  const raises = entry.errors === undefined ? "" : ` Raises ${entry.errors.replaceAll(" ", ", ")}.`;
  const lines = [
    `### \`${entry.name}\``,
    "",
    `\`${entry.type}\` · ${argumentsOf(entry)}`,
    "",
    `${entry.doc}.${raises}`,
    "",
    "```clojure",
    entry.example,
    "```",
    "",
  ];
  return lines.join("\n");
}

function argumentsOf({ arity: [least, most] }: Entry): string {
  if (most === Number.POSITIVE_INFINITY) return `${least} or more arguments`;
  if (most !== least) return `${least} to ${most} arguments`;
  return least === 1 ? "1 argument" : `${least} arguments`;
}
