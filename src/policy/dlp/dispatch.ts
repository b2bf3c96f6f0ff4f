/**
 * Which detector may match where: one pass over the bytes that asks almost nobody.
 *
 * Each prefix of a detector is looked for by two of its units that stand together. Read in this
 * order: Dispatch, eachMatch.
 *
 * @module
 */
import type { ByteText } from "./byte-text.ts";
import type { Detector, Span } from "./detector.ts";
import type { Meter } from "./meter.ts";

/** A detector's prefix, and how far into it the pair of units stands by which it is looked for. */
interface Candidate {
  readonly detector: Detector;
  readonly prefix: string;
  readonly offset: number;
}

/**
 * Who may match where two given units stand, by `pair`, first * 256 + second. `lists[index[pair]]` is
 * read only where `pairs` has the pair's bit, which is almost nowhere: the bits are 8 KiB and stay in
 * the fastest memory.
 */
interface Dispatch {
  readonly pairs: Int32Array;
  readonly index: Uint16Array;
  readonly lists: readonly (readonly Candidate[])[];
}

const dispatches = new WeakMap<readonly Detector[], Dispatch>();

function dispatchOf(detectors: readonly Detector[]): Dispatch {
  const kept = dispatches.get(detectors);
  if (kept !== undefined) return kept;
  const pairs = new Int32Array(1 << 11);
  const index = new Uint16Array(1 << 16);
  const lists: Candidate[][] = [[]];
  for (const detector of detectors) {
    for (const prefix of detector.prefixes) {
      const offset = rarestPair(prefix);
      const pair = (prefix.charCodeAt(offset) << 8) | prefix.charCodeAt(offset + 1);
      pairs[pair >> 5] = pairs[pair >> 5]! | (1 << (pair & 31));
      index[pair] ||= lists.push([]) - 1;
      lists[index[pair]!]!.push({ detector, prefix, offset });
    }
  }
  const dispatch = { pairs, index, lists };
  dispatches.set(detectors, dispatch);
  return dispatch;
}

/** Where the pair stands that ordinary text has least. */
function rarestPair(prefix: string): number {
  let best = 0;
  let rarest = -1;
  for (let at = 0; at + 1 < prefix.length; at += 1) {
    const rarity = rarityOf(prefix[at]!) + rarityOf(prefix[at + 1]!);
    if (rarity > rarest) [best, rarest] = [at, rarity];
  }
  return best;
}

function rarityOf(unit: string): number {
  if (unit === " ") return 0;
  if ("etaoinsrhld-".includes(unit)) return 1;
  if (/[a-z.]/.test(unit)) return 2;
  return /[A-Z0-9]/.test(unit) ? 3 : 4;
}

/** Tell every match of every detector, in the order in which they stand; matches may overlap. */
export function eachMatch(
  { bytes, text }: ByteText,
  detectors: readonly Detector[],
  meter: Meter,
  tell: (detector: Detector, span: Span) => void,
): void {
  const { pairs, index, lists } = dispatchOf(detectors);
  meter.add(bytes.length);
  let pair = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    pair = ((pair & 255) << 8) | bytes[at]!;
    if (((pairs[pair >> 5]! >>> (pair & 31)) & 1) === 0) continue;
    for (const { detector, prefix, offset } of lists[index[pair]!]!) {
      const from = at - 1 - offset;
      meter.add(1);
      if (prefix.length > 2 && !text.startsWith(prefix, from)) continue;
      const span = detector.match(text, from, meter);
      if (span !== null) tell(detector, span);
    }
  }
}
