/** One line of an input; a line that is too long is passed over to its end, never kept. */
export type InputLine =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "too-long" }
  | { readonly kind: "not-utf8" };

/** Lines of a byte stream, without their ends; the last needs none. */
export async function* boundedLines(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<InputLine, void, undefined> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length; ) {
      const end = chunk.indexOf(10, from);
      const until = end < 0 ? chunk.length : end;
      length += until - from;
      // A copy, which `slice` of a Buffer is not: the source may use its memory again.
      if (length <= bytesMax) pieces.push(new Uint8Array(chunk.subarray(from, until)));
      else pieces = [];
      from = until + 1;
      if (end < 0) continue;
      yield lineOf(pieces, length, bytesMax);
      pieces = [];
      length = 0;
    }
  }
  if (length > 0) yield lineOf(pieces, length, bytesMax);
}

function lineOf(pieces: readonly Uint8Array[], length: number, bytesMax: number): InputLine {
  if (length > bytesMax) return { kind: "too-long" };
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(pieces));
    return { kind: "text", text };
  } catch {
    return { kind: "not-utf8" };
  }
}
