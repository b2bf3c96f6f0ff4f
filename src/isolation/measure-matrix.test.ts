import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type MatrixOptions, measuredMatrix } from "./measure-matrix.ts";
import type { IsolationProvider, Probe } from "./provider.ts";

let stateDir: string;
let measured: string[];

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "ccos-matrix-"));
  measured = [];
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

/** Every session fails to open, so a measurement is quick and says `not-measured` everywhere. */
function closedWall(probe: Probe = { kind: "ready", version: "1" }): IsolationProvider {
  return {
    name: "test/closed",
    strength: 1,
    runs: new Set(["rtfs"] as const),
    sockets: false,
    probe: () => Promise.resolve(probe),
    open: () => Promise.reject(new Error("closed")),
  };
}

function options(change: Partial<MatrixOptions> = {}): MatrixOptions {
  return {
    stateDir,
    nodePath: process.execPath,
    bootId: "boot-1",
    codeVersion: "code-1",
    onMeasure: (name) => measured.push(name),
    supervisor: ["/nonexistent"],
    signal: new AbortController().signal,
    ...change,
  };
}

function cacheFile(): string {
  return join(stateDir, "walls", "test.closed.json");
}

describe("measuredMatrix", () => {
  test("measures once, then answers from a private file with the same digest", async () => {
    const first = await measuredMatrix([closedWall()], options());
    const second = await measuredMatrix([closedWall()], options());
    expect(measured).toEqual(["test/closed"]);
    expect(second).toEqual(first);
    expect(first.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(statSync(cacheFile()).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(stateDir, "walls"))).toEqual(["test.closed.json"]);
  });

  test.each<[string, () => Partial<MatrixOptions>, IsolationProvider]>([
    ["another boot", () => ({ bootId: "boot-2" }), closedWall()],
    ["other code", () => ({ codeVersion: "code-2" }), closedWall()],
    ["another Node", () => ({ nodePath: "/other/node" }), closedWall()],
    ["another version of the provider", () => ({}), closedWall({ kind: "ready", version: "2" })],
    ["the wish for a fresh one", () => ({ fresh: true }), closedWall()],
  ])("measures again after %s", async (_, change, provider) => {
    await measuredMatrix([closedWall()], options());
    await measuredMatrix([provider], options(change()));
    expect(measured).toHaveLength(2);
  });

  test.each<[string, (path: string) => void]>([
    ["is no JSON", (path) => writeFileSync(path, "{")],
    ["is not UTF-8", (path) => writeFileSync(path, Buffer.from([0xff, 0xfe]))],
    ["is empty", (path) => writeFileSync(path, "")],
    ["is JSON of another shape", (path) => writeFileSync(path, "[1]")],
    ["misses a guarantee", (path) => rewrite(path, (rows) => rows.slice(1))],
    ["has its guarantees in another order", (path) => rewrite(path, (rows) => [...rows].reverse())],
    [
      "has an unknown verdict",
      (path) => rewrite(path, (rows) => rows.map((row) => ({ ...row, verdict: "fine" }))),
    ],
    ["is readable by others", (path) => chmodSync(path, 0o644)],
    [
      "is over its size limit",
      (path) => writeFileSync(path, `${readFileSync(path, "utf8")}${" ".repeat(300_000)}`),
    ],
    ["is a symlink", relink],
  ])("measures again when the file %s", async (_, spoil) => {
    await measuredMatrix([closedWall()], options());
    spoil(cacheFile());
    const matrix = await measuredMatrix([closedWall()], options());
    expect(measured).toHaveLength(2);
    expect(matrix.providers[0]?.measurements[0]?.verdict).toBe("not-measured");
  });

  test("leaves out a provider that is missing", async () => {
    const missing = closedWall({ kind: "missing", what: ["a tool"], hint: "get it" });
    expect((await measuredMatrix([missing], options())).providers).toEqual([]);
    expect(measured).toEqual([]);
  });

  test("throws CANCELLED and keeps nothing when the signal fired", async () => {
    const run = measuredMatrix([closedWall()], options({ signal: AbortSignal.abort() }));
    await expect(run).rejects.toMatchObject({ code: "CANCELLED" });
    expect(existsSync(cacheFile())).toBe(false);
  });
});

interface Row {
  readonly verdict: string;
}

function rewrite(path: string, change: (rows: readonly Row[]) => readonly Row[]): void {
  const kept = JSON.parse(readFileSync(path, "utf8")) as {
    key: string;
    measurements: readonly Row[];
  };
  writeFileSync(path, JSON.stringify({ ...kept, measurements: change(kept.measurements) }));
}

function relink(path: string): void {
  const other = `${path}.other`;
  writeFileSync(other, readFileSync(path), { mode: 0o600 });
  rmSync(path);
  symlinkSync(other, path);
}
