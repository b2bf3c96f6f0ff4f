/**
 * Scan content for what must not leave: every detector over every view of every part.
 *
 * Read in this order: scanContent, scanPart. Linear in the content (views.ts bounds the decoding,
 * detector.ts bounds each try). What cannot be looked into fully (compressed content, a
 * decoding budget that ran out, too many parts) is itself a finding, `dlp.opaque`. Findings say
 * where and what kind, never the data.
 *
 * @module
 */
import type { DlpPolicy } from "../types.ts";
import type { ContentPart } from "./byte-text.ts";
import type { Detector } from "./detector.ts";
import { DETECTORS } from "./detectors.ts";
import { eachMatch } from "./dispatch.ts";
import { houseRulesOf } from "./house-rules.ts";
import { findMeasured } from "./known-secrets.ts";
import { Meter } from "./meter.ts";
import { findStructured } from "./structured.ts";
import { type ViewedPart, viewParts } from "./views.ts";

export interface DlpFinding {
  /**
   * A detector's name, `dlp.opaque`, `dlp.decompression-bomb`, `dlp.high-entropy`; of canaries and
   * structured rules, the place in the config.
   */
  readonly detector: string;
  readonly kind: Detector["kind"] | "opaque" | "canary" | "structured";
  /** Of `opaque`: `high` when the scan was cut short, `medium` for what cannot be read. */
  readonly confidence: "high" | "medium" | "low";
  /** The name of the part. */
  readonly part: string;
  /** Matches in the view that has most, 1..1000. */
  readonly count: number;
}

/** More matches of one detector in one view are not counted. */
const COUNT_MAX = 1000;
const PARTS_MAX = 1024;

/** Absent: the built-in detectors alone. The same settings each time: what is built from them is kept. */
export interface ScanOptions {
  readonly dlp: DlpPolicy;
  readonly direction: "out" | "in";
}

/**
 * Scan every part. One finding per detector and part, in the order of parts.
 *
 * @param parts - At most 1024; those beyond are answered by one `dlp.opaque` finding.
 */
export function scanContent(
  parts: readonly ContentPart[],
  options?: ScanOptions,
): readonly DlpFinding[] {
  const meter = new Meter();
  if (options === undefined) return scanMeasured(parts, DETECTORS, meter);
  const { dlp, direction } = options;
  const house = houseRulesOf(dlp);
  const detectors = direction === "in" ? house.inbound : house.outbound;
  return [
    ...canariesIn(parts, house.canaries, meter),
    ...(direction === "out" ? structuredIn(parts, dlp) : []),
    ...scanMeasured(parts, detectors, meter),
  ];
}

/** As scanContent, counting the work done. */
export function scanMeasured(
  parts: readonly ContentPart[],
  detectors: readonly Detector[],
  meter: Meter,
): readonly DlpFinding[] {
  const viewed = viewParts(parts.slice(0, PARTS_MAX), meter);
  const findings = viewed.flatMap((each) => scanPart(each, detectors, meter));
  const cut = parts[PARTS_MAX];
  return cut === undefined ? findings : [...findings, opaque("dlp.opaque", cut.name, "high")];
}

function canariesIn(
  parts: readonly ContentPart[],
  canaries: Parameters<typeof findMeasured>[1],
  meter: Meter,
): readonly DlpFinding[] {
  return findMeasured(parts, canaries, meter).map(({ name, part }) => ({
    detector: name,
    kind: "canary",
    confidence: "high",
    part,
    count: 1,
  }));
}

function structuredIn(parts: readonly ContentPart[], dlp: DlpPolicy): readonly DlpFinding[] {
  const rules = (dlp.rules ?? []).filter(({ about }) => about.kind !== "detector");
  if (rules.length === 0) return [];
  return viewParts(parts.slice(0, PARTS_MAX), new Meter()).flatMap(({ part, views }) => {
    const text = views.texts[0]?.text ?? "";
    const counts = new Map<string, number>();
    for (const { rule } of findStructured(part.name, text, rules)) {
      counts.set(rule.rule, Math.min(COUNT_MAX, (counts.get(rule.rule) ?? 0) + 1));
    }
    return [...counts].map(([detector, count]): DlpFinding => {
      return { detector, kind: "structured", confidence: "high", part: part.name, count };
    });
  });
}

function opaque(detector: string, part: string, confidence: "high" | "medium"): DlpFinding {
  return { detector, kind: "opaque", confidence, part, count: 1 };
}

function scanPart(
  { part, views }: ViewedPart,
  detectors: readonly Detector[],
  meter: Meter,
): readonly DlpFinding[] {
  const most = new Map<string, DlpFinding>();
  for (const view of views.texts) {
    const counts = new Map<Detector, number>();
    eachMatch(view, detectors, meter, (detector) => {
      counts.set(detector, Math.min(COUNT_MAX, (counts.get(detector) ?? 0) + 1));
    });
    for (const [{ name, kind, confidence }, count] of counts) {
      if (count <= (most.get(name)?.count ?? 0)) continue;
      most.set(name, { detector: name, kind, confidence, part: part.name, count });
    }
  }
  const findings = [...most.values()];
  if (views.bomb) findings.push(opaque("dlp.decompression-bomb", part.name, "high"));
  if (!views.complete) findings.push(opaque("dlp.opaque", part.name, "high"));
  else if (views.sealed) findings.push(opaque("dlp.opaque", part.name, "medium"));
  if (views.random) findings.push(opaque("dlp.high-entropy", part.name, "medium"));
  return findings;
}
