/**
 * Lines in a table of SQLite: appended in groups, each durable when its call returns, and read in order or by what they say.
 *
 * Read in this order: createLineDatabase, readLineDatabase. The lines are what is kept; the columns that they can be looked up by
 * are computed from them by SQLite, so none can say anything else. SQLite is loaded when the first database is opened.
 *
 * @module
 */
import { constants, closeSync, openSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { AppendFile } from "./files.ts";

/** A column: its name and the JSON path it is taken from. Both are the caller's own words. */
export type LineColumn = readonly [name: string, path: string];

/**
 * A new database (0600). Never an existing one.
 *
 * @throws The system's error, `EEXIST` when something stands at `path`; SQLite's.
 */
export async function createLineDatabase(
  path: string,
  columns: readonly LineColumn[],
): Promise<AppendFile> {
  closeSync(openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600));
  const database = await open(path, false);
  const computed = columns.map(
    ([name, from]) => `, ${name} TEXT GENERATED ALWAYS AS (json_extract(line, '${from}')) VIRTUAL`,
  );
  const indexes = columns.map(([name]) => `CREATE INDEX lines_${name} ON lines(${name});`);
  database.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" +
      `CREATE TABLE lines(number INTEGER PRIMARY KEY, line TEXT NOT NULL${computed.join("")}) STRICT;` +
      indexes.join(""),
  );
  const insert = database.prepare("INSERT INTO lines(line) VALUES (?)");
  return {
    write: (bytes) => {
      try {
        database.exec("BEGIN IMMEDIATE");
        for (const line of linesOf(bytes)) insert.run(line);
        database.exec("COMMIT");
        return Promise.resolve(bytes.length);
      } catch (cause) {
        return Promise.reject(cause as Error);
      }
    },
    // A commit that returned is on the disk.
    sync: () => Promise.resolve(),
    close: () => {
      database.close();
      return Promise.resolve();
    },
  };
}

/** @throws {Error} when the bytes do not end with a line: part of one cannot be kept. */
function linesOf(bytes: Uint8Array): readonly string[] {
  const lines = new TextDecoder("utf-8", { fatal: true }).decode(bytes).split("\n");
  if (lines.pop() !== "") throw new Error("a line has no end");
  return lines;
}

async function open(path: string, readOnly: boolean): Promise<DatabaseSync> {
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path, { readOnly, allowExtension: false, timeout: 5000 });
  database.exec("PRAGMA trusted_schema = OFF");
  return database;
}

const CHUNK_BYTES = 64 * 1024;

export interface LineQuery {
  /** A longer line is not read: the reading ends with an error. */
  readonly lineBytesMax: number;
  /** Columns and what they must be; all of them. */
  readonly where?: ReadonlyMap<string, string>;
}

/**
 * The lines of a database in order, as bytes with newlines. Whoever can write the file can put anything there: it is
 * read as a table of text, and nothing it says is run.
 *
 * @throws SQLite's error; an `Error` for what is no database of lines.
 */
export async function* readLineDatabase(
  path: string,
  { lineBytesMax, where = new Map() }: LineQuery,
): AsyncGenerator<Uint8Array, void, undefined> {
  const database = await open(path, true);
  try {
    const table = database
      .prepare(
        "SELECT count(*) AS tables FROM sqlite_schema WHERE name = 'lines' AND type = 'table'",
      )
      .get();
    if (table?.["tables"] !== 1) throw new Error("it has no table of lines");
    const conditions = [...where.keys()].map((name) => `AND ${name} = ?`).join(" ");
    const rows = database
      .prepare(
        `SELECT iif(octet_length(line) < ${lineBytesMax}, line, NULL) AS line FROM lines WHERE 1 ${conditions} ORDER BY number`,
      )
      .iterate(...where.values());
    let waiting: string[] = [];
    let length = 0;
    for (const { line } of rows) {
      if (typeof line !== "string") throw new Error(`a line is no text of ${lineBytesMax} bytes`);
      waiting.push(line, "\n");
      length += line.length;
      if (length < CHUNK_BYTES) continue;
      yield Buffer.from(waiting.join(""));
      waiting = [];
      length = 0;
    }
    if (waiting.length > 0) yield Buffer.from(waiting.join(""));
  } finally {
    database.close();
  }
}
