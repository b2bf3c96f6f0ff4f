/**
 * How things look on stderr: errors in their five parts, one line per effect, plain ASCII where the stream
 * is not a terminal. Colour never carries meaning alone. Text from an agent is stripped of control bytes.
 *
 * @module
 */
import type { CcosError } from "../foundation/errors.ts";
import { formatSpan } from "../foundation/source-span.ts";

export function renderError(error: CcosError): string {
  const lines = [`error ${error.code}`, `  what  ${error.what}`, `  why   ${error.why}`];
  if (error.fix !== undefined) lines.push(`  fix   ${error.fix}`);
  if (error.place !== undefined) lines.push(`  place ${formatSpan(error.place)}`);
  return lines.map(printable).join("\n");
}

/**
 * One line for the screen: control characters, line breaks and bidirectional marks become U+FFFD. Agent text must
 * not move the cursor, nor make a line that looks like ours.
 */
export function printable(text: string): string {
  return text.replaceAll(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    "\u{fffd}",
  );
}

export type Paint = (text: string) => string;

export interface Marks {
  readonly done: string;
  readonly denied: string;
  readonly failed: string;
  readonly red: Paint;
  readonly dim: Paint;
  readonly bold: Paint;
}

export function marksFor(terminal: boolean): Marks {
  const paint =
    (code: number) =>
    (text: string): string =>
      terminal ? `\u001b[${code}m${text}\u001b[0m` : text;
  return {
    done: terminal ? "✓" : "ok",
    denied: terminal ? "✗" : "--",
    failed: terminal ? "!" : "!!",
    red: paint(31),
    dim: paint(2),
    bold: paint(1),
  };
}

/** 412 B, 1.2 kB, 3.4 MB. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** First and last digits of a digest. */
export function shortHash(hash: string): string {
  return `${hash.slice(0, 8)}…${hash.slice(-4)}`;
}
