/**
 * The one way a provider finds out whether it works here: it raises its wall around nothing.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import { spawnProcess } from "../host/index.ts";
import type { IsolationProvider, Probe, SandboxSpec } from "./provider.ts";

const PROBE_MS_MAX = 450;
const MIB = 1024 * 1024;

/** Small and bare; what a probe asks for. */
const probeSpec = (wallMs: number): SandboxSpec => ({
  limits: {
    wallMs,
    cpuMs: 1_000,
    memoryBytes: 64 * MIB,
    pidsMax: 8,
    outputBytes: 4_096,
    diskBytes: MIB,
  },
  files: [],
  binds: [],
  environment: {},
  sockets: false,
});

export interface ProbeQuestion {
  /** Command that prints the tool's version. */
  readonly argv: readonly string[];
  readonly pattern: RegExp;
  /** How to get what is missing. */
  readonly hint: string;
}

/** Runs `true` inside a real wall. Never throws: what fails is named in the answer. */
export async function probeBy(
  open: IsolationProvider["open"],
  question: ProbeQuestion,
): Promise<Probe> {
  try {
    const [version, complaint] = await Promise.all([versionOf(question), raiseOnce(open)]);
    if (complaint === null) return { kind: "ready", version };
    return { kind: "missing", what: [complaint], hint: question.hint };
  } catch (error) {
    if (!(error instanceof CcosError)) throw error;
    return { kind: "missing", what: [error.why], hint: error.fix ?? question.hint };
  }
}

/**
 * @param wallMs - When to give up, milliseconds.
 * @returns Null when the wall stood and the program ran in it.
 */
export async function raiseOnce(
  open: IsolationProvider["open"],
  wallMs: number = PROBE_MS_MAX,
): Promise<string | null> {
  const session = await open(probeSpec(wallMs));
  try {
    const never = new AbortController().signal;
    const run = await session.execute({ kind: "external", argv: ["true"], channel: false }, never);
    run.stdin.end();
    run.stdout.resume();
    run.stderr.resume();
    const ending = await run.ending;
    if (ending.kind === "exited" && ending.status === 0) return null;
    return `a wall around \`true\` ended with ${JSON.stringify(ending)}`;
  } finally {
    await session.close();
  }
}

/** What a tool calls itself; `unknown` when it does not say. */
export async function versionOf({
  argv,
  pattern,
}: Pick<ProbeQuestion, "argv" | "pattern">): Promise<string> {
  const asked = await spawnProcess({ argv, env: {}, descriptors: ["null", "pipe", "null"] });
  let text = "";
  asked.readable(1)?.on("data", (chunk: Buffer) => {
    if (text.length < 1_024) text += chunk.toString("latin1");
  });
  await asked.closed;
  return pattern.exec(text)?.[1] ?? "unknown";
}
