/** docs/ERRORS.md is the table of codes, in words: one row a code, equal to src/foundation/error-codes.ts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ERROR_CODES } from "../../src/foundation/error-codes.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "ERRORS.md"), "utf8");

test("docs/ERRORS.md equals the table of codes, row by row", () => {
  const rows = [
    ...page.matchAll(/^\| `([A-Z0-9_]+)` \| (\d+) \| (yes|no) \| (.+) \| (.+) \|$/gm),
  ].map(([, code, exit, retry, meaning, fix]) => ({
    code,
    exit: Number(exit),
    retry,
    meaning,
    fix,
  }));
  const table = Object.entries(ERROR_CODES).map(([code, entry]) => ({
    code,
    exit: entry.exitCode,
    retry: entry.retryable ? "yes" : "no",
    meaning: entry.meaning,
    fix: entry.fix,
  }));
  expect(rows.length).toBeGreaterThan(40);
  expect(rows).toEqual(table);
});
