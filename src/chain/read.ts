/** Records of a chain file one by one, for listings and replay. A listing is not a verification. */
import { CcosError } from "../foundation/errors.ts";
import { LineChecker, LineReader } from "./lines.ts";
import { type ChainRecord, RECORD_BYTES_MAX } from "./record.ts";
import { chainBytes } from "./source.ts";

/**
 * Each line's hash and form are checked, its place in the chain is not.
 *
 * @param where - See `chainBytes`: of a database, only records whose columns are so.
 * @throws {CcosError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`; `CHAIN_INTEGRITY` at the first line
 *   that is no record; `CHAIN_TORN` after the last whole line, when bytes follow it.
 */
export async function* readRecords(
  path: string,
  where?: ReadonlyMap<string, string>,
): AsyncGenerator<ChainRecord, void, undefined> {
  const reader = new LineReader();
  const checker = new LineChecker();
  let number = 0;
  for await (const chunk of chainBytes(path, where)) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (const bytes of reader.push(buffer)) {
      number++;
      if (bytes === null) throw broken(path, number, `it is over ${RECORD_BYTES_MAX} bytes`);
      const line = checker.read(bytes);
      if (line.kind === "fault") throw broken(path, number, line.detail);
      yield { body: line.body, hash: line.hash };
    }
  }
  const { length } = reader.tail();
  if (length === 0) return;
  throw new CcosError("CHAIN_TORN", {
    what: `Cannot read "${path}" to its end`,
    why: `${length} bytes without a newline follow line ${number}`,
    fix: "Run `ccos chain verify RUN --repair`",
  });
}

function broken(path: string, line: number, why: string): CcosError {
  return new CcosError("CHAIN_INTEGRITY", {
    what: `Cannot read line ${line} of "${path}"`,
    why,
    fix: "Run `ccos chain verify` for what happened to it",
  });
}
