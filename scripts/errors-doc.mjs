/** Writes docs/ERRORS.md from the table of codes: `node scripts/errors-doc.mjs`. A test holds them equal. */
import { writeFileSync } from "node:fs";
import { ERROR_CODES } from "../src/foundation/error-codes.ts";

const rows = Object.entries(ERROR_CODES).map(
  ([code, entry]) =>
    `| \`${code}\` | ${entry.exitCode} | ${entry.retryable ? "yes" : "no"} | ${entry.meaning} | ${entry.fix} |`,
);
writeFileSync(
  "docs/ERRORS.md",
  `# Error codes

Every refusal, limit and failure has one code of this table; findings of \`ccos check\` are at its end (a warning has exit code 0). *exit* is the status of a
command that ends with it. *retry* says whether the same request may succeed later without a change. An error has five parts: code, what, why, fix, place.

Exit codes of \`ccos\`: 0 done (also when a run finished its work despite denials) · 1 the program failed · 64 usage · 65 invalid input (config, program,
broken chain) · 69 cannot enforce, or a service is missing · 70 a defect of CCOS · 77 denied · 124 timeout · 128+n ended by signal n.

| code | exit | retry | meaning | fix |
|---|---|---|---|---|
${rows.join("\n")}
`,
);
