/** The examples and docs/agent-config.md against the schema that runs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compilePolicy, loadConfig, PROFILES_SOURCE } from "./index.ts";
import { LIMIT_BOUNDS } from "./schema.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const page = read("docs/agent-config.md");
const example = read("examples/agent.config.microvm.rtfs");

/** Rows of the table under a heading, cell by cell. */
function tableOf(heading: string): readonly (readonly string[])[] {
  const section = page.split(/^## /m).find((each) => each.startsWith(heading)) ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("| `"));
  return lines.map((line) =>
    line
      .slice(1, -1)
      .split(" | ")
      .map((cell) =>
        cell
          .trim()
          .replaceAll("`", "")
          .replace(/\s*\|?$/, ""),
      ),
  );
}

/** Every field once, so that the loaded object shows the whole schema. */
const FULL = `(agent.config :plan "p" :agent-id "a"
  :orchestrator {:isolation {:fs {:mounts {:name {:mode :ro :source "/x"}}}}
                 :dlp {:rules [{:field "x" :action :block}] :dictionaries {:name ["word"]}}}
  :network {:egress {:rules [{:host "a.example.com" :json-rpc {:methods ["tools/*"]}}]}}
  :microvm {:kernel {:image "k" :cmdline "quiet"} :rootfs {:image "r"}}
  :capabilities {:fs {:paths ["/x"]}}
  :validity {:windows [{:days [:mon]}]}
  :labels {:sources [{:env "name" :labels [:pii]}] :sinks [{:path "/x"}]}
  :governance {:policies {:name {}} :approvers [{:name "ann" :key "ed25519:"}]}
  :env {:name "x"} :secrets {:name {:source "env:T" :origins ["https://a.example.com"] :headers ["x"]}})`;

/** Dotted paths of the leaves of a config; map names are `<name>`, elements `[]`. */
function leavesOf(value: unknown, path: string): readonly string[] {
  if (value instanceof Map) {
    return [...value.values()].flatMap((each) => leavesOf(each, `${path}.<name>`));
  }
  if (Array.isArray(value) && value.some((each) => typeof each === "object")) {
    return value.flatMap((each) => leavesOf(each, `${path}[]`));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, each]) =>
    leavesOf(each, path === "" ? key : `${path}.${key}`),
  );
}

const fold = (path: string): string => path.replaceAll(/[-_]/g, "").toLowerCase();

describe("docs/agent-config.md", () => {
  test("its field table has every field of the schema, and no other", () => {
    const { config } = loadConfig(FULL, { file: "full" });
    const documented = tableOf("Fields").map(([path = ""]) => path);
    expect(documented.map(fold).sort()).toEqual(leavesOf(config, "").map(fold).sort());
  });

  test("it spells every field as findings do", () => {
    for (const [path = ""] of tableOf("Fields").filter(([each = ""]) => !/[<[]/.test(each))) {
      const keys = path.split(".");
      const wrong = keys.reduceRight((inner, key) => `{:${key} ${inner}}`, "resource://x");
      const { findings } = loadConfig(`(agent.config ${wrong.slice(1, -1)})`, { file: "a" });
      expect(findings.map((each) => each.path)).toContain(path);
    }
  });

  test("its limits have the defaults and bounds of the schema", () => {
    const { config } = loadConfig("(agent.config)", { file: "a" });
    const rows = tableOf("Fields").filter(([path = ""]) => path.startsWith("limits."));
    const documented = rows.map(([path = "", , value, bounds]) => [
      fold(path.slice(7)),
      value,
      bounds,
    ]);
    const actual = Object.entries(config?.limits ?? {}).map(([key, value]) => {
      const { min, max } = LIMIT_BOUNDS[key as keyof typeof LIMIT_BOUNDS];
      return [fold(key), String(value), `${min} to ${max}`];
    });
    expect(documented).toEqual(actual);
  });

  test("its section table equals the comments of the microVM example, field by field", () => {
    const { spanOf } = loadConfig(example, { file: "e" });
    const sections = example
      .split("\n")
      .map((line) => /;; ([A-Z][A-Za-z/ ]+):/.exec(line)?.[1] ?? null);
    const commented = sections.flatMap((section, index) =>
      section === null ? [] : [`${index + 1} ${section}`],
    );
    const documented = tableOf("Field to section").map(
      ([path = "", section = ""]) => `${spanOf(path)?.line ?? 0} ${section}`,
    );
    expect(documented.length).toBeGreaterThan(40);
    expect(documented.toSorted()).toEqual(commented.toSorted());
  });
});

describe("examples", () => {
  test.each([
    ["agent.config.microvm.rtfs", ""],
    ["agent.config.networked.rtfs", ""],
    ["incident/agent.config.rtfs", ""],
    ["program/agent.config.rtfs", ""],
    ["macros.rtfs", '(profile:microvm-networked "agent.a" ["example.com"])'],
  ])("%s is valid without a finding, and its policy compiles", (name, call) => {
    const { config, findings } = loadConfig(`${read(`examples/${name}`)}\n${call}`, { file: name });
    expect(findings).toEqual([]);
    if (config === null) throw new Error("not readable");
    expect(compilePolicy(config).level).toBe("controlled");
  });

  test("the networked example grants what its comments say", () => {
    const { config } = loadConfig(read("examples/agent.config.networked.rtfs"), { file: "n" });
    if (config === null) throw new Error("not readable");
    const policy = compilePolicy(config);
    expect(policy.egress.map((each) => [each.rule, each.host, each.methods, each.paths])).toEqual([
      ["network.egress.rules[0]", "api.example.com", ["GET", "POST"], ["/v1/*"]],
      ["network.egress.allow-domains[0]", "status.example.com", ["GET", "HEAD"], []],
    ]);
    expect(policy.files).toEqual([
      { rule: "capabilities.fs.paths[0]", path: "/workspace", mode: "rw" },
    ]);
    expect(policy.dlp).toEqual({ enabled: true, level: "strict" });
  });

  test("macros.rtfs is the text of the built-in profiles", () => {
    expect(read("examples/macros.rtfs")).toBe(PROFILES_SOURCE);
  });
});
