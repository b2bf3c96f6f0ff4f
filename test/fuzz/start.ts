/** Where corpora begin: every law of the conformance suite, every example, programs at random. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { programSource } from "../differential/program-source.ts";
import { lawsOf } from "../conformance/law.ts";
import type { Random } from "./target.ts";

const ROOT = join(import.meta.dirname, "../..");

function textsOf(pattern: string): readonly { name: string; text: string }[] {
  return globSync(pattern, { cwd: ROOT })
    .toSorted()
    .map((name) => ({ name, text: readFileSync(join(ROOT, name), "utf8") }));
}

/** Each law as a text of its own, with the options that change how it is read. */
export function lawTexts(folder = "**"): string[] {
  return textsOf(`test/conformance/${folder}/*.rtfs`).flatMap(({ text }) => {
    const options = text.match(/^;; (?:strict|compat: seed)$/gm) ?? [];
    return lawsOf(text).map(({ source }) => [...options, source.trim()].join("\n"));
  });
}

/** Whole files: examples and suites of laws. */
export function fileTexts(): string[] {
  return textsOf("{examples,test/conformance}/**/*.rtfs").map(({ text }) => text);
}

/** A program of programs at random. */
export function freshProgram(random: Random): string {
  return programSource(Math.floor(random() * 2 ** 32), 1 + Math.floor(random() * 5));
}
