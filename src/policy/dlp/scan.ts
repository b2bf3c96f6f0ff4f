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
import type { ByteText, ContentPart } from "./byte-text.ts";
import type { Detector } from "./detector.ts";
import { DETECTORS } from "./detectors.ts";
import { Meter } from "./meter.ts";
import { viewsOfPart } from "./views.ts";

export interface DlpFinding {
  /** A detector's name, or `dlp.opaque`, `dlp.decompression-bomb`, `dlp.high-entropy`. */
  readonly detector: string;
  readonly kind: Detector["kind"] | "opaque";
  /** Of `opaque`: `high` when the scan was cut short, `medium` for what cannot be read. */
  readonly confidence: "high" | "medium" | "low";
  /** The name of the part. */
  readonly part: string;
  /** Matches in the view that has most, 1..1000. */
  readonly count: number;
}

/** More matches of one detector in one view are not told apart. */
const COUNT_MAX = 1000;
const PARTS_MAX = 1024;

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
  return cut === undefined ? findings : [...findings, opaque("dlp.opaque", cut.name, "high")];
}

function opaque(detector: string, part: string, confidence: "high" | "medium"): DlpFinding {
  return { detector, kind: "opaque", confidence, part, count: 1 };
}

/** A detector's prefix, and how far into it the pair of units stands by which it is looked for. */
interface Candidate {
  readonly detector: Detector;
  readonly prefix: string;
  readonly offset: number;
}

/**
 * Who may match where two given units stand: `lists[first * 256 + second]`, asked only where `pairs`
 * has their bit, which is almost nowhere. The bits are 8 KiB and stay in the fastest memory.
 */
interface Dispatch {
  readonly pairs: Int32Array;
  readonly lists: readonly (readonly Candidate[] | undefined)[];
}

const dispatches = new WeakMap<readonly Detector[], Dispatch>();

function dispatchOf(detectors: readonly Detector[]): Dispatch {
  const kept = dispatches.get(detectors);
  if (kept !== undefined) return kept;
  const pairs = new Int32Array(1 << 11);
  const lists: (Candidate[] | undefined)[] = Array.from({ length: 1 << 16 });
  for (const detector of detectors) {
    for (const prefix of detector.prefixes) {
      const offset = rarestPair(prefix);
      const pair = (prefix.charCodeAt(offset) << 8) | prefix.charCodeAt(offset + 1);
      pairs[pair >> 5] = pairs[pair >> 5]! | (1 << (pair & 31));
      (lists[pair] ??= []).push({ detector, prefix, offset });
    }
  }
  const dispatch = { pairs, lists };
  dispatches.set(detectors, dispatch);
  return dispatch;
}

const LOWER = /[a-z]/;

/** Where the pair stands that ordinary text has least: not two small letters, when there is a choice. */
function rarestPair(prefix: string): number {
  for (let at = 0; at + 2 < prefix.length; at += 1) {
    if (!LOWER.test(prefix[at]!) || !LOWER.test(prefix[at + 1]!)) return at;
  }
  return 0;
}

function scanPart(part: ContentPart, dispatch: Dispatch, meter: Meter): readonly DlpFinding[] {
  const views = viewsOfPart(part, {}, meter);
  const most = new Map<string, DlpFinding>();
  for (const view of views.texts) {
    const counts = new Map<Detector, number>();
    scanView(view, dispatch, { meter, counts });
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

interface ScanState {
  readonly meter: Meter;
  readonly counts: Map<Detector, number>;
}

function scanView({ bytes, text }: ByteText, dispatch: Dispatch, state: ScanState): void {
  const { pairs, lists } = dispatch;
  state.meter.add(bytes.length);
  let pair = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    pair = ((pair & 255) << 8) | bytes[at]!;
    if (((pairs[pair >> 5]! >>> (pair & 31)) & 1) === 0) continue;
    const candidates = lists[pair];
    if (candidates !== undefined) tryCandidates(text, at - 1, candidates, state);
  }
}

function tryCandidates(
  text: string,
  pair: number,
  candidates: readonly Candidate[],
  { meter, counts }: ScanState,
): void {
  meter.add(candidates.length);
  for (const { detector, prefix, offset } of candidates) {
    const at = pair - offset;
    if (prefix.length > 2 && !text.startsWith(prefix, at)) continue;
    const count = counts.get(detector) ?? 0;
    if (count < COUNT_MAX && detector.match(text, at, meter) !== null)
      counts.set(detector, count + 1);
  }
}
