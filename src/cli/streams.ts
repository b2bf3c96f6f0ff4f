import { CcosError } from "../foundation/errors.ts";
import { decodeSource } from "../rtfs/index.ts";
import { readSource } from "./inputs.ts";

const SOURCE_BYTES_MAX = 1024 * 1024;

/** The whole of stdin as one RTFS source. @throws {CcosError} as for a file. */
export async function readInput(file: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > SOURCE_BYTES_MAX)
      throw new CcosError("INPUT_TOO_LARGE", {
        what: "Cannot read stdin",
        why: "it is over 1 MiB",
      });
    pieces.push(chunk);
  }
  const text = decodeSource(Buffer.concat(pieces), file);
  if (text.ok) return text.value;
  throw new CcosError("INPUT_NOT_UTF8", {
    what: "Cannot read stdin",
    why: text.error[0]?.message ?? "it is not UTF-8",
    place: text.error[0]?.span,
  });
}

/** To stdout, waiting for a slow reader. @returns False when the reader is gone. */
export function writeOut(text: string): Promise<boolean> {
  return new Promise((resolve) => {
    process.stdout.write(text, (error) => resolve(error === null || error === undefined));
  });
}

/** A file or `-`, and what places call it. @throws {CcosError} as `readSource`. */
export async function readNamed(
  cwd: string,
  name: string,
): Promise<{ readonly label: string; readonly source: string }> {
  if (name === "-") return { label: "<stdin>", source: await readInput("<stdin>") };
  return { label: name, source: await readSource(cwd, name) };
}
