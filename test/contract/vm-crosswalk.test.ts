/**
 * docs/VM-SPEC.md executed: each config path is set and each line it names is looked at, for each monitor; and no line of
 * a document is left that the page does not explain.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/index.ts";
import type { Monitor } from "../../src/isolation/vm/kernel-cmdline.ts";
import { MONITORS, vmSpec } from "../../src/isolation/vm/vm-spec.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const PAGE = read("docs/VM-SPEC.md");
const EXAMPLE = read("examples/agent.config.microvm.rtfs");

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The rows of the first table below a heading, as cells. */
function table(heading: string): readonly (readonly string[])[] {
  const section = PAGE.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

function codeOf(cell: string | undefined): string {
  return /^`(.*)`$/.exec(cell ?? "")?.[1] ?? "";
}

/** The example's spec, with one path set to an RTFS value. Null: there is no machine. */
function specOf(monitor: Monitor, change: readonly [path: string, value: string] | null): Json {
  const keys = change?.[0].split(".").map((key) => `:${key}`) ?? [];
  const source =
    change === null ? EXAMPLE : `(assoc-in ${EXAMPLE} [${keys.join(" ")}] ${change[1]})`;
  const { config, findings } = loadConfig(source, { file: "example.rtfs" });
  if (config === null) throw new Error(JSON.stringify(findings));
  try {
    const spec = vmSpec(config, {
      monitor,
      random: Uint8Array.from({ length: 16 }, (_, at) => at),
      configDirectory: "/agent",
      agentDigest: `sha256:${"0".repeat(64)}`,
      tscKhz: null,
    });
    return spec.ok ? (spec.value as unknown as Json) : null;
  } catch (cause) {
    expect(cause).toMatchObject({ code: "CONFIG_INVALID" });
    return null;
  }
}

/** Every value that a line of the page can mean: behind an option of argv, or where a pointer leads. */
function valuesAt(spec: Json, line: string): readonly Json[] {
  const { argv } = spec as { argv: string[] };
  if (line === "argv") return [argv];
  if (line.startsWith("-")) return argv.filter((_, at) => argv[at - 1] === line);
  let value: Json | undefined = spec;
  for (const key of line.slice(1).split("/"))
    value = (value as { [key: string]: Json } | null | undefined)?.[key];
  return value === undefined ? [] : [value];
}

function check(spec: Json, statement: string): void {
  const found = /^`([^`]+)` (?:(absent)|(is|has|lacks) `(.+)`)$/.exec(statement);
  if (found === null) throw new Error(`the page says ${JSON.stringify(statement)}`);
  const [, line = "", absent, verb, text = ""] = found;
  const values = valuesAt(spec, line);
  if (absent !== undefined) {
    expect(values, line).toEqual([]);
    return;
  }
  const expected = JSON.parse(text) as Json;
  if (verb === "is") expect(values, line).toContainEqual(expected);
  else if (verb === "has") expect(values[0], line).toContain(expected);
  else {
    expect(values, line).toHaveLength(1);
    expect(values[0], line).not.toContain(expected);
  }
}

const ROWS = table("Crosswalk");
const HOST_ROWS = table("What no config sets");

describe("the crosswalk", () => {
  test.each(ROWS.map((row) => [codeOf(row[0]), codeOf(row[1]), row] as const))(
    "%s = %s",
    (path, value, row) => {
      MONITORS.forEach((monitor, at) => {
        const cell = row[at + 2] ?? "";
        const spec = specOf(monitor, [path, value]);
        if (cell === "refused") expect(spec, monitor).toBeNull();
        else if (cell === "same") expect(spec, monitor).toEqual(specOf(monitor, null));
        else for (const statement of cell.split(/, (?=`)/)) check(spec, statement);
        if (cell !== "same" && cell !== "refused")
          expect(spec, `${monitor} ignores ${path}`).not.toEqual(specOf(monitor, null));
      });
    },
  );

  test("has every path of the :microvm block", () => {
    const paths = [...read("docs/agent-config.md").matchAll(/^\| `(microvm\.[^`]+)` \|/gm)].map(
      ([, path]) => path,
    );
    expect(paths.length).toBeGreaterThan(9);
    const crossed = new Set(ROWS.map((row) => codeOf(row[0])));
    expect(paths.filter((path) => !crossed.has(path ?? ""))).toEqual([]);
  });

  test("names tests that exist", () => {
    for (const row of ROWS) {
      const [, file = "", title = ""] = /^`([^`]+\.test\.ts)`: (".+")$/.exec(row[5] ?? "") ?? [];
      expect(existsSync(join(ROOT, file)), row[5]).toBe(true);
      expect(read(file), row[5]).toContain(title);
    }
    expect(ROWS.length).toBeGreaterThan(15);
  });
});

const NAMES: ReadonlyMap<string, Monitor> = new Map([
  ["Firecracker", "firecracker"],
  ["Cloud Hypervisor", "cloud-hypervisor"],
]);

describe("the host's own lines", () => {
  test.each(HOST_ROWS.map((row) => [row[0] ?? "", row[1] ?? ""] as const))(
    "%s: %s",
    (name, statement) => {
      const monitor = NAMES.get(name);
      if (monitor === undefined) throw new Error(`the page names ${name}`);
      check(specOf(monitor, null), statement);
    },
  );

  test.each([...NAMES])("%s: no line of its document is on neither table", (name, monitor) => {
    const column = monitor === "firecracker" ? 2 : 3;
    const cells = [
      ...ROWS.map((row) => row[column] ?? ""),
      ...HOST_ROWS.filter((row) => row[0] === name).map((row) => row[1] ?? ""),
    ];
    const explained = cells.flatMap((cell) =>
      [...cell.matchAll(/`(\/document\/[^`]+)` (?:is|has)/g)].map(([, pointer = ""]) => pointer),
    );
    const leaves = leavesOf((specOf(monitor, null) as { document: Json }).document, "/document");
    expect(leaves.length).toBeGreaterThan(30);
    const silent = leaves.filter(
      (leaf) => !explained.some((each) => leaf === each || leaf.startsWith(`${each}/`)),
    );
    expect(silent).toEqual([]);
  });
});

function leavesOf(value: Json, at: string): readonly string[] {
  if (typeof value !== "object" || value === null) return [at];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, `${at}/${key}`));
}
