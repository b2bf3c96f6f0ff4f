/**
 * Scan content for what must not leave: every detector over every view of every part.
 *
 * Read in this order: scanContent, scanPart, scanView. Linear in the content (views.ts bounds the
 * decoding, detector.ts bounds each try). What cannot be looked into fully (compressed content, a
 * decoding budget that ran out, too many parts) is itself a finding, `dlp.opaque`. Findings say
 * where and what kind, never the data.
 *
 * @module
 */
import { byteText, type ContentPart } from "./byte-text.ts";
import type { Detector } from "./detector.ts";
import { DETECTORS } from "./detectors.ts";
import { Meter, viewsOf } from "./views.ts";

export interface DlpFinding {
  /** A detector's name, or `dlp.opaque`. */
  readonly detector: string;
  readonly kind: "secret" | "pii" | "opaque";
  /** Of `opaque`: `high` when the scan was cut short, `medium` for a compressed container. */
  readonly confidence: "high" | "medium" | "low";
  /** The name of the part. */
  readonly part: string;
}

const PARTS_MAX = 1024;

/** First bytes of containers that hide their content: gzip, zip, zstd, xz, bzip2, 7z, rar. */
const CONTAINERS = [
  "\x1f\x8b",
  "PK\x03\x04",
  "\x28\xb5\x2f\xfd",
  "\xfd7zXZ\0",
  "BZh",
  "7z\xbc\xaf\x27\x1c",
  "Rar!\x1a\x07",
];

/**
 * Scan every part. One finding per detector and part, in the order of parts.
 *
 * @param parts - At most 1024; those beyond are answered by one `dlp.opaque` finding.
 */
export function scanContent(
  parts: readonly ContentPart[],
  detectors: readonly Detector[] = DETECTORS,
): readonly DlpFinding[] {
  return scanMeasured(parts, detectors, new Meter());
}

/** As scanContent, counting the work done. */
export function scanMeasured(
  parts: readonly ContentPart[],
  detectors: readonly Detector[],
  meter: Meter,
): readonly DlpFinding[] {
  const table = dispatchTable(detectors);
  const findings = parts.slice(0, PARTS_MAX).flatMap((part) => scanPart(part, table, meter));
  const cut = parts[PARTS_MAX];
  return cut === undefined ? findings : [...findings, opaque(cut.name, "high")];
}

function opaque(part: string, confidence: "high" | "medium"): DlpFinding {
  return { detector: "dlp.opaque", kind: "opaque", confidence, part };
}

/** Detectors by the first unit of their prefixes. */
type DispatchTable = readonly (readonly Detector[] | undefined)[];

function dispatchTable(detectors: readonly Detector[]): DispatchTable {
  const table: Detector[][] = [];
  for (const detector of detectors) {
    const units = new Set(detector.prefixes.map((prefix) => prefix.charCodeAt(0)));
    for (const unit of units) (table[unit] ??= []).push(detector);
  }
  return Array.from({ length: 256 }, (_, unit) => table[unit]);
}

function scanPart(part: ContentPart, table: DispatchTable, meter: Meter): readonly DlpFinding[] {
  const text = byteText(part.content);
  const views = viewsOf(text, meter);
  const found = new Map<string, DlpFinding>();
  for (const view of views.texts) scanView(view, table, { meter, found, part: part.name });
  const findings = [...found.values()];
  if (!views.complete) findings.push(opaque(part.name, "high"));
  else if (views.texts.some(isContainer)) findings.push(opaque(part.name, "medium"));
  return findings;
}

function isContainer(view: string): boolean {
  return CONTAINERS.some((magic) => view.startsWith(magic));
}

interface ScanState {
  readonly meter: Meter;
  readonly found: Map<string, DlpFinding>;
  readonly part: string;
}

function scanView(view: string, table: DispatchTable, state: ScanState): void {
  state.meter.add(view.length);
  for (let at = 0; at < view.length; at += 1) {
    const candidates = table[view.charCodeAt(at)];
    if (candidates !== undefined) tryDetectors(view, at, candidates, state);
  }
}

function tryDetectors(
  view: string,
  at: number,
  candidates: readonly Detector[],
  state: ScanState,
): void {
  for (const detector of candidates) {
    const { name, kind, confidence } = detector;
    state.meter.add(1);
    if (state.found.has(name) || !standsAt(detector, view, at)) continue;
    if (!detector.matches(view, at, state.meter)) continue;
    state.found.set(name, { detector: name, kind, confidence, part: state.part });
  }
}

function standsAt(detector: Detector, view: string, at: number): boolean {
  return detector.prefixes.some((prefix) => view.startsWith(prefix, at));
}
