/**
 * What no compiler checks: documents that name what exists, files that say what they are, nothing left half done.
 *
 * Each check says how many things it looked at: a check that saw nothing has failed.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** Files below the folders that end so, as paths from the root. */
function files(folders: readonly string[], endings: readonly string[]): readonly string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((name) =>
        join(folder, name),
      ),
    )
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .sort();
}

const SOURCES = files(["src", "guest", "test", "bench", "scripts", "bin"], [".ts", ".mjs", ".cjs"]);
const DOCUMENTS = ["README.md", ...files(["docs"], [".md"])];
const GUARANTEES = read("docs/GUARANTEES.md");

/** `docs/GUARANTEES.md` cut at its numbers: one text for each promise. */
const PROMISES = GUARANTEES.split(/^### (?=G\d)/m).slice(1);

describe("docs/GUARANTEES.md", () => {
  test("numbers its promises from G1 without a gap or a second use", () => {
    const numbers = [...GUARANTEES.matchAll(/^### G(\d+)\./gm)].map(([, digits]) => Number(digits));
    expect(numbers.length).toBeGreaterThan(20);
    expect(numbers).toEqual(numbers.map((_, at) => at + 1));
  });

  test("gives each promise a test", () => {
    const without = PROMISES.filter((promise) => !/^- `[^`]+\.test\.ts`: "/m.test(promise));
    expect(without.map((promise) => promise.split("\n")[0])).toEqual([]);
  });

  test("names only tests that exist: the file, and the title in it", () => {
    const cited = [...GUARANTEES.matchAll(/^- `([^`]+\.test\.ts)`: (".+")$/gm)];
    const missing = cited.filter(
      ([, file = "", title = ""]) => !existsSync(join(ROOT, file)) || !titled(read(file), title),
    );
    expect(missing.map(([line]) => line)).toEqual([]);
    expect(cited.length).toBeGreaterThan(100);
    expect(cited.length).toBe(GUARANTEES.split(".test.ts`: ").length - 1);
  });
});

/** The quoted title stands where a test's title stands, not in a comment or an expectation. */
function titled(source: string, title: string): boolean {
  return [...source.matchAll(/(?:\btest|\]|\)|>)\(\s*("(?:[^"\\]|\\.)*")/g)].some(
    ([, found]) => found === title,
  );
}

/** What a code span names when it is a file of this repository: with a folder, or known by its ending. */
const PATH = /^(?:\.?[a-z][\w-]*\/)[\w./-]*$|^[\w.-]+\.(?:md|cjs|mjs|toml)$/;
/** Paths of a user's machine or inside a wall, and commands' words. */
const NOT_OURS =
  /^(?:runs|keys|idempotency|process|gvisor|wasm|microvm|inputs|workspace|image|deployments|generations|consoles)\/|^(?:plan|agent|chain|payload|sha256|ccos)\b/;

/** Written in two halves, so that this file does not find itself. */
const UNFINISHED = new RegExp(
  String.raw`\b(?:TO` + "DO|FIX" + String.raw`ME|TB` + String.raw`D)\b`,
);

describe("documents", () => {
  test("relative links lead to files", () => {
    const links = DOCUMENTS.flatMap((path) =>
      [...read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)].map(
        ([, target = ""]) => ({ path, target }),
      ),
    );
    const broken = links.filter(
      ({ path, target }) => !existsSync(join(ROOT, dirname(path), target)),
    );
    expect(broken).toEqual([]);
  });

  test("code paths lead to files", () => {
    const named = DOCUMENTS.flatMap((path) =>
      [...withoutBlocks(read(path)).matchAll(/`([^`\n]+)`/g)]
        .map(([, target = ""]) => ({ path, target }))
        .filter(({ target }) => PATH.test(target) && !NOT_OURS.test(target))
        // Documents of the language write its names: `str/join`.
        .filter(({ target }) => !path.startsWith("docs/rtfs/") || target.includes(".")),
    );
    const broken = named.filter(({ path, target }) => !resolves(path, target));
    expect(broken).toEqual([]);
    expect(named.length).toBeGreaterThan(150);
  });

  test("say no word of unfinished work", () => {
    const unfinished = DOCUMENTS.filter((path) => UNFINISHED.test(read(path)));
    expect(unfinished).toEqual([]);
    expect(DOCUMENTS.length).toBeGreaterThan(10);
  });
});

function withoutBlocks(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, "");
}

/** From the root, beside the document, or in `src/` as ARCHITECTURE.md writes them. */
function resolves(document: string, target: string): boolean {
  return [ROOT, join(ROOT, dirname(document)), join(ROOT, "src")].some((base) =>
    existsSync(join(base, target)),
  );
}

describe("sources", () => {
  test("over 60 lines open with a comment that says what they are, unit tests excepted", () => {
    const long = SOURCES.filter((path) => lines(path) > 60 && !isUnitTest(path));
    const silent = long.filter((path) => !/^(?:#!.*\n)?\s*\/\*\*/.test(read(path)));
    expect(silent).toEqual([]);
    expect(long.length).toBeGreaterThan(100);
  });

  test("have at most 500 lines", () => {
    const long = SOURCES.filter((path) => lines(path) > 500);
    expect(long).toEqual([]);
    expect(SOURCES.length).toBeGreaterThan(250);
  });

  test("hold no focused test, no note of unfinished work and no order to a checker", () => {
    const words = [
      String.raw`\b(?:test|it|describe)\.on` + "ly",
      UNFINISHED.source,
      "(?:oxlint|eslint|biome)-(?:dis" + "able|ign" + "ore)",
      "@ts-(?:ign" + "ore|expect-error|noch" + "eck)",
    ];
    const forbidden = new RegExp(words.join("|"));
    const found = SOURCES.flatMap((path) =>
      read(path)
        .split("\n")
        .flatMap((line, at) => (forbidden.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
  });
});

function lines(path: string): number {
  return read(path).split("\n").length - 1;
}

/** A unit test stands beside what it tests, whose comment serves both. */
function isUnitTest(path: string): boolean {
  return /^(?:src|guest)\/.*\.test\.ts$/.test(path);
}
