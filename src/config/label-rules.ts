/**
 * Rules of labels: sources and sinks that name one place, labels that are words.
 *
 * @module
 */
import { parseCapabilityPattern, parseHostPattern } from "../policy/index.ts";
import { quoted } from "./display.ts";
import type { RuleContext } from "./rule-context.ts";
import type { FlowPlaceConfig } from "./types.ts";

const LABEL = /^[a-z][a-z0-9_-]{0,31}$/;

export function checkLabels(context: RuleContext): void {
  const { sources, sinks } = context.config.labels;
  for (const [index, source] of sources.entries()) {
    const path = `labels.sources[${index}]`;
    const { host, path: file, capability, env, injection } = source;
    const places = [host, file, capability, env, injection || null];
    checkPlace(context, path, source, places);
    checkWords(context, `${path}.labels`, source.labels);
    if (source.labels.length === 0) {
      context.complain(
        "INVALID_LABEL_RULE",
        `${path}.labels`,
        "a source without labels says nothing",
      );
    }
  }
  for (const [index, sink] of sinks.entries()) {
    const path = `labels.sinks[${index}]`;
    checkPlace(context, path, sink, [sink.host, sink.path, sink.capability]);
    checkWords(context, `${path}.accepts`, sink.accepts);
  }
}

function checkPlace(
  { complain }: RuleContext,
  at: string,
  { host, path, capability }: FlowPlaceConfig,
  places: readonly unknown[],
): void {
  const refuse = (key: string, message: string) =>
    complain("INVALID_LABEL_RULE", `${at}${key}`, message);
  if (places.filter((place) => place !== null).length !== 1) {
    refuse("", "an entry names exactly one place");
  }
  const hostPattern = host === null ? null : parseHostPattern(host);
  if (hostPattern?.ok === false) refuse(".host", `${quoted(host ?? "")}: ${hostPattern.error}`);
  else if (typeof hostPattern?.value.port === "number") refuse(".host", "a port says nothing here");
  if (path !== null && !isAbsolute(path)) {
    refuse(".path", `${quoted(path)} is not absolute and normalised`);
  }
  const pattern = capability === null ? null : parseCapabilityPattern(capability);
  if (pattern?.ok === false) refuse(".capability", `${quoted(capability ?? "")}: ${pattern.error}`);
}

function isAbsolute(path: string): boolean {
  const segments = path.split("/").slice(1);
  return (
    path.startsWith("/") && segments.every((each) => each !== "" && each !== "." && each !== "..")
  );
}

function checkWords({ complain }: RuleContext, path: string, words: readonly string[]): void {
  for (const [index, word] of words.entries()) {
    if (LABEL.test(word)) continue;
    const message = `${quoted(word)} is not a label: small letters, digits, "_" and "-", 32 at most`;
    complain("INVALID_LABEL_RULE", `${path}[${index}]`, message);
  }
}
