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
  const dispatch = dispatchOf(detectors);
  const findings = parts.slice(0, PARTS_MAX).flatMap((part) => scanPart(part, dispatch, meter));
  const cut = parts[PARTS_MAX];
  return cut === undefined ? findings : [...findings, opaque(cut.name, "high")];
}

function opaque(part: string, confidence: "high" | "medium"): DlpFinding {
  return { detector: "dlp.opaque", kind: "opaque", confidence, part };
}

/** A detector, and those of its prefixes that begin as the list says in which it stands; none when that says it all. */
interface Candidate {
  readonly detector: Detector;
  readonly prefixes: readonly string[];
}

/**
 * Who may match where two given units stand: `lists[starts[first * 256 + second]]`; list 0 is nobody, as at almost
 * every place.
 */
interface Dispatch {
  readonly starts: Uint16Array;
  readonly lists: readonly (readonly Candidate[])[];
}

const dispatches = new WeakMap<readonly Detector[], Dispatch>();

function dispatchOf(detectors: readonly Detector[]): Dispatch {
  const kept = dispatches.get(detectors);
  if (kept !== undefined) return kept;
  const starts = new Uint16Array(1 << 16);
  const lists: Candidate[][] = [[]];
  for (const detector of detectors) {
    const all = detector.prefixes.flatMap((prefix) =>
      startsOf(prefix).map((start) => ({ start, prefix })),
    );
    for (const [start, some] of Map.groupBy(all, (each) => each.start)) {
      starts[start] ||= lists.push([]) - 1;
      const prefixes = some.map(({ prefix }) => prefix);
      const isDecided = prefixes.some((prefix) => prefix.length <= 2);
      lists[starts[start]!]!.push({ detector, prefixes: isDecided ? [] : prefixes });
    }
  }
  const dispatch = { starts, lists };
  dispatches.set(detectors, dispatch);
  return dispatch;
}

/** The pairs of units that a prefix may begin with: after a single unit anything may stand, or nothing. */
function startsOf(prefix: string): readonly number[] {
  const first = prefix.charCodeAt(0) << 8;
  if (prefix.length > 1) return [first | prefix.charCodeAt(1)];
  return Array.from({ length: 256 }, (_, second) => first | second);
}

function scanPart(part: ContentPart, dispatch: Dispatch, meter: Meter): readonly DlpFinding[] {
  const text = byteText(part.content);
  const views = viewsOf(text, meter);
  const found = new Map<string, DlpFinding>();
  for (const view of views.texts) scanView(view, dispatch, { meter, found, part: part.name });
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

function scanView(view: string, { starts, lists }: Dispatch, state: ScanState): void {
  state.meter.add(view.length);
  let unit = view.charCodeAt(0);
  for (let at = 0; at < view.length; at += 1) {
    const next = at + 1 < view.length ? view.charCodeAt(at + 1) : 0;
    const start = starts[(unit << 8) | next]!;
    if (start !== 0) tryDetectors(view, at, lists[start]!, state);
    unit = next;
  }
}

function tryDetectors(
  view: string,
  at: number,
  candidates: readonly Candidate[],
  state: ScanState,
): void {
  for (const { detector, prefixes } of candidates) {
    const { name, kind, confidence } = detector;
    state.meter.add(1);
    if (prefixes.length > 0 && !prefixes.some((prefix) => view.startsWith(prefix, at))) continue;
    if (state.found.has(name) || !detector.matches(view, at, state.meter)) continue;
    state.found.set(name, { detector: name, kind, confidence, part: state.part });
  }
}
