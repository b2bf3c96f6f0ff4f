/**
 * The views of a content: itself, and what it decodes to, to depth 3.
 *
 * A view is byte text. Decoders: percent, JSON escapes, quoted-printable, UTF-16 (escapes.ts), base64
 * and base64url and hexadecimal at every alignment (encoded-runs.ts), gzip, zlib, zip, zstd and the
 * codings that a request declares (decompress.ts). Equal views are made once. Work is bounded by a
 * budget in proportion to the input; over it the answer is `complete: false`, and the caller must
 * not call the content clean.
 *
 * @module
 */
import { byteText, type ByteText, type ContentPart, ofUnits } from "./byte-text.ts";
import { expand, type Expansion, undoCodings } from "./decompress.ts";
import { decodeRuns } from "./encoded-runs.ts";
import { hasRandomWindow } from "./entropy.ts";
import {
  decodeBackslashes,
  decodePercent,
  decodeQuotedPrintable,
  dropNulBytes,
} from "./escapes.ts";
import type { Meter } from "./meter.ts";

const DEPTH_MAX = 3;
/** View bytes per input byte. Nested encodings of ordinary content need about 10. */
const BUDGET_FACTOR = 32;
/** Small contents may always be decoded fully, 1 MiB of views. */
const BUDGET_FLOOR = 1 << 20;
/** No content may cost more than this, 64 MiB of views; larger contents are not scanned at all. */
const BUDGET_CEILING = 64 << 20;
/** Beginnings of compressed data that are tried: as many as random bytes have by chance, and as many more. */
const TRIES_FLOOR = 512;
const TRIES_BYTES = 8192;

export interface Views {
  /** Shallow views first. Not empty unless the input is too large. */
  readonly texts: readonly ByteText[];
  readonly complete: boolean;
  /** Something compressed could not be read. */
  readonly sealed: boolean;
  /** Something compressed would grow beyond the budget. */
  readonly bomb: boolean;
  /** Some bytes are as good as random, and no reader of compressed data explains them. */
  readonly random: boolean;
}

const kept = new WeakMap<ContentPart, Views>();

export interface ViewedPart {
  readonly part: ContentPart;
  readonly views: Views;
}

/**
 * All views of each part, made once for as long as the part lives. A header `content-encoding` among
 * the parts says the codings of the body.
 */
export function viewParts(parts: readonly ContentPart[], meter: Meter): readonly ViewedPart[] {
  const header = parts.find(({ name }) => name === "header content-encoding")?.content;
  const codings = typeof header === "string" ? header : "";
  return parts.map((part) => {
    const known = kept.get(part);
    if (known !== undefined) return { part, views: known };
    const views = viewsOf(byteText(part.content), part.name === "body" ? codings : "", meter);
    kept.set(part, views);
    return { part, views };
  });
}

function viewsOf(content: ByteText, codings: string, meter: Meter): Views {
  if (content.bytes.length > BUDGET_CEILING) {
    return { texts: [], complete: false, sealed: false, bomb: false, random: false };
  }
  const making = new Making(content, meter);
  if (codings !== "") making.add(undoCodings(content.text, codings, making.left));
  for (let depth = 0; depth < DEPTH_MAX && making.complete; depth += 1) making.goDeeper();
  return making.views();
}

/** `isWhole`: one content, not short pieces of many, whose mixture always looks random. */
interface Layered {
  readonly view: ByteText;
  readonly isWhole: boolean;
}

/** The views as they grow, layer by layer. */
class Making {
  readonly #meter: Meter;
  readonly #seen: Set<string>;
  readonly #views: ByteText[];
  /** Made and not yet decoded. */
  #next: Layered[];
  #left: number;
  readonly #tries: { left: number };
  #bomb = false;
  #sealed = false;
  #random = false;
  complete = true;

  constructor(view: ByteText, meter: Meter) {
    const { text } = view;
    this.#meter = meter;
    this.#seen = new Set([text]);
    this.#views = [view];
    this.#next = [{ view, isWhole: true }];
    this.#left = Math.min(text.length * BUDGET_FACTOR + BUDGET_FLOOR, BUDGET_CEILING) - text.length;
    this.#tries = { left: TRIES_FLOOR + Math.ceil(text.length / TRIES_BYTES) };
  }

  /** Bytes that further views may have. */
  get left(): number {
    return this.#left;
  }

  views(): Views {
    return {
      texts: this.#views,
      complete: this.complete,
      sealed: this.#sealed,
      bomb: this.#bomb,
      random: this.#random,
    };
  }

  add({ texts, sealed, bomb, cut }: Expansion): void {
    this.#sealed ||= sealed;
    this.#bomb ||= bomb;
    for (const text of texts) this.#take(text, true);
    if (cut) this.complete = false;
  }

  /** Decode every view of the last layer. */
  goDeeper(): void {
    const layer = this.#next;
    this.#next = [];
    for (const view of layer) {
      if (!this.complete) return;
      this.#decode(view);
    }
  }

  #decode({ view, isWhole }: Layered): void {
    const expansion = expand(view, { bytesMax: this.#left, tries: this.#tries }, this.#meter);
    this.add(expansion);
    if (isWhole && expansion.texts.length === 0) {
      this.#random ||= hasRandomWindow(view.bytes, this.#meter);
    }
    this.#meter.add(view.text.length * ESCAPES.length);
    for (const decode of ESCAPES) this.#take(decode(view.text), isWhole);
    const { pieces, wholes } = decodeRuns(view, this.#meter);
    for (const text of pieces) this.#take(text, false);
    for (const text of wholes) this.#take(text, true);
  }

  #take(text: string, isWhole: boolean): void {
    if (text === "" || this.#seen.has(text)) return;
    this.#left -= text.length;
    if (this.#left < 0) this.complete = false;
    if (!this.complete) return;
    this.#seen.add(text);
    const view = ofUnits(text);
    this.#views.push(view);
    this.#next.push({ view, isWhole });
  }
}

const ESCAPES: readonly ((text: string) => string)[] = [
  decodePercent,
  decodeBackslashes,
  decodeQuotedPrintable,
  dropNulBytes,
];
