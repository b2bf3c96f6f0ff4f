/**
 * The measured matrix: provider by guarantee, taken once per host boot and kept in the state directory.
 *
 * Read in this order: MeasuredMatrix, measuredMatrix, readCache. A cached row counts only for the same
 * boot, provider version, Node, code and user, and only from a file that is ours alone; anything else
 * (absent, corrupt, foreign, cut short) is measured again. The digest goes into each run's first record.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { CcosError } from "../foundation/errors.ts";
import { ensurePrivateDir, readOwned, writeAtomic } from "../host/index.ts";
import { GUARANTEES, type IsolationProvider, type Measurement } from "./provider.ts";

export interface MeasuredProvider {
  readonly name: string;
  /** What its probe said. */
  readonly version: string;
  /** One for each guarantee, in the order of GUARANTEES. */
  readonly measurements: readonly Measurement[];
}

export interface MeasuredMatrix {
  /** `sha256:` over every row below; stable as long as the cache is. */
  readonly digest: string;
  /** Providers whose probe found nothing missing, in the order given. */
  readonly providers: readonly MeasuredProvider[];
}

export interface MatrixOptions {
  /** Rows are kept in its `walls` directory, 0600. */
  readonly stateDir: string;
  readonly nodePath: string;
  /** Identifies this boot of the host. */
  readonly bootId: string;
  /** Identifies our own code, guests included. */
  readonly codeVersion: string;
  /** Measure even where a cached row would count. */
  readonly fresh?: boolean;
  /** Called before a provider is attacked. Absent: silent. */
  readonly onMeasure?: (provider: string) => void;
  readonly signal: AbortSignal;
  /** See MeasureContext. */
  readonly supervisor?: readonly string[];
}

const ROW_BYTES_MAX = 256 * 1024;

/** @throws {CcosError} `CANCELLED` when the signal fired before every row was measured. */
export async function measuredMatrix(
  providers: readonly IsolationProvider[],
  options: MatrixOptions,
): Promise<MeasuredMatrix> {
  const rows: MeasuredProvider[] = [];
  for (const provider of providers) {
    const probe = await provider.probe();
    if (probe.kind === "ready") rows.push(await rowOf(provider, probe.version, options));
  }
  const text = JSON.stringify(
    rows.map((row) => [row.name, row.version, row.measurements.map(cells)]),
  );
  return { digest: `sha256:${createHash("sha256").update(text).digest("hex")}`, providers: rows };
}

function cells({ guarantee, verdict, evidence }: Measurement): readonly string[] {
  return [guarantee, verdict, evidence];
}

async function rowOf(
  provider: IsolationProvider,
  version: string,
  options: MatrixOptions,
): Promise<MeasuredProvider> {
  const { name } = provider;
  const directory = join(options.stateDir, "walls");
  const path = join(directory, `${name.replaceAll(/[^a-z0-9-]/g, ".")}.json`);
  const key = keyOf(name, version, options);
  if (options.fresh !== true) {
    const measurements = await readCache(path, key);
    if (measurements !== null) return { name, version, measurements };
  }
  options.onMeasure?.(name);
  const { measureFully } = await import("./measure.ts");
  const { measurements, complete } = await measureFully(provider, options);
  if (options.signal.aborted) {
    throw new CcosError("CANCELLED", {
      what: `Cannot measure "${name}"`,
      why: "the measurement was cancelled",
    });
  }
  if (complete) {
    await ensurePrivateDir(options.stateDir);
    await ensurePrivateDir(directory);
    await writeAtomic(
      path,
      new TextEncoder().encode(`${JSON.stringify({ key, measurements })}\n`),
      0o600,
    );
  }
  return { name, version, measurements };
}

function keyOf(
  name: string,
  version: string,
  { bootId, codeVersion, nodePath }: MatrixOptions,
): string {
  const user = process.geteuid?.() ?? -1;
  return JSON.stringify([1, name, version, bootId, codeVersion, nodePath, process.version, user]);
}

/** @returns Null: nothing there that counts. */
async function readCache(path: string, key: string): Promise<readonly Measurement[] | null> {
  const bytes = await readOwned(path, ROW_BYTES_MAX);
  if (!bytes.ok) return null;
  let row: unknown;
  try {
    row = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.value));
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof TypeError) return null;
    throw cause;
  }
  if (typeof row !== "object" || row === null || !("key" in row) || !("measurements" in row))
    return null;
  return row.key === key ? parseMeasurements(row.measurements) : null;
}

function parseMeasurements(value: unknown): readonly Measurement[] | null {
  if (!Array.isArray(value) || value.length !== GUARANTEES.length) return null;
  const parsed = value.map((each: unknown, at) => parseMeasurement(each, at));
  return parsed.every((each) => each !== null) ? parsed : null;
}

function parseMeasurement(value: unknown, at: number): Measurement | null {
  if (typeof value !== "object" || value === null) return null;
  if (!("guarantee" in value && "verdict" in value && "evidence" in value)) return null;
  const guarantee = GUARANTEES[at];
  const { verdict, evidence } = value;
  if (guarantee === undefined || value.guarantee !== guarantee || typeof evidence !== "string")
    return null;
  if (verdict !== "held" && verdict !== "not-held" && verdict !== "not-measured") return null;
  return { guarantee, verdict, evidence };
}
