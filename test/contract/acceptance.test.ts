/** docs/ACCEPTANCE.md executed: each field set to the value that is not accepted, and its finding where the page says. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/index.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const EXAMPLE = read("examples/agent.config.microvm.rtfs");
const GUARANTEES = read("docs/GUARANTEES.md");
const ROW =
  /^\| (?<section>[A-Z][\w/ ]*): [^|]+ \| `(?<field>[^`]+)` \| `(?<value>[^`]+)` \| `(?<code>[A-Z_]+)`(?: at `(?<place>[^`]+)`)?(?<warning>, warning)? \| (?<held>G[^|]+) \|$/;

const lines = read("docs/ACCEPTANCE.md")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| asked"));
const rows = lines.map((line) => ROW.exec(line)?.groups ?? { section: "", field: line });

test.each(rows)(
  "$section: $field set to $value is $code",
  ({ field = "", value = "", code, place = field, warning, held = "" }) => {
    const keys = field.split(".").map((key) => `:${key}`);
    const source = `(assoc-in ${EXAMPLE} [${keys.join(" ")}] ${value})`;
    const { findings } = loadConfig(source, { file: "example.rtfs" });
    const found = findings.find((finding) => finding.code === code);
    const severity = warning === undefined ? "error" : "warning";
    expect(found).toMatchObject({ path: place, severity });
    for (const promise of held.split(", ")) expect(GUARANTEES).toContain(`### ${promise}. `);
  },
);

test("the example itself has no finding, so that each of them is its row's", () => {
  expect(loadConfig(EXAMPLE, { file: "example.rtfs" }).findings).toEqual([]);
});

test("every section of the profile has a row, but for those that no value can break alone", () => {
  const page = read("docs/agent-config.md").split("## Field to section")[1] ?? "";
  const sections = [...page.matchAll(/^\| `[^`]+` \| ([^|]+) \|$/gm)].map(([, name = ""]) => name);
  const missing = sections.filter((name) => !rows.some(({ section }) => section === name));
  expect(new Set(missing)).toEqual(new Set(["Identity", "Governance", "Audit"]));
});
