/** SQLite, for what several processes of this host must know at once. Loaded when it is first needed. */
import type { DatabaseSync } from "node:sqlite";

export type Database = DatabaseSync;

/** How long one process waits for another's transaction, milliseconds. */
const BUSY_MS_MAX = 10_000;

/**
 * Open a database of ours, durable at each commit. Its directory is private: its files have no rights of their own.
 *
 * @param schema - `CREATE … IF NOT EXISTS` statements.
 * @throws what SQLite says: the file is none, the disk is full, another process holds it too long.
 */
export async function openDatabase(path: string, schema: string): Promise<Database> {
  const { DatabaseSync: Sqlite } = await import("node:sqlite");
  const database = new Sqlite(path, { timeout: BUSY_MS_MAX });
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${schema}`);
  return database;
}
