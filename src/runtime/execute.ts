/**
 * Execute one program, of any kind, under a context, and say what it did: the call for embedding programs.
 *
 * A context becomes an agent config and the run is like any other: admitted, behind the strongest measured wall,
 * each effect through the gate, recorded. A capability id without a program is the plan of one call. What is told
 * of the execution is what the host saw: a figure that nobody metered is absent.
 *
 * Read in this order: ExecutionContext, execute, inputsOf, resultOf.
 *
 * @module
 */
import type { RunBounds } from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { MOCK_NAME } from "../isolation/index.ts";
import { canonicalCapability } from "../policy/index.ts";
import { fromWire, printValue, toWire, type Value } from "../rtfs/index.ts";
import type { ProgramOutcome } from "./conduct.ts";
import {
  configText,
  EXECUTION_DEFAULTS,
  type ExecutionConfig,
  grantedBy,
  type RuntimeContext,
} from "./execution-config.ts";
import { describeProgram, type ExecutionProgram, sourceOf } from "./execution-program.ts";
import {
  type ExecutionFailure,
  type ExecutionMetadata,
  type ExecutionResult,
  readEffects,
} from "./execution-records.ts";
import { executeNative, type NativeHandler } from "./native.ts";
import type { RunInputs } from "./prepare.ts";
import { runAgent, type RunReport } from "./run.ts";
import type { World } from "./world.ts";

export interface ExecutionContext {
  /** Names the execution to whoever asked; the run has an id of its own. */
  readonly executionId: string;
  readonly program: ExecutionProgram | null;
  /** Without a program: the one capability to call, as the first version had it. */
  readonly capabilityId: string | null;
  /** Capability ids and patterns; `external_program` and `native_function` for programs of these kinds. */
  readonly capabilityPermissions: readonly string[];
  /** Bound as `arg0`, `arg1`, … and `args` in RTFS; the arguments of a capability or a handler. */
  readonly args: readonly Value[];
  readonly config?: Partial<ExecutionConfig>;
  readonly runtimeContext: RuntimeContext | null;
  /** The only provider that may be taken, by name or kind. */
  readonly provider?: string;
}

export interface ExecuteOptions {
  readonly handlers?: ReadonlyMap<string, NativeHandler>;
  /** The operator's; see `boundsOf`. */
  readonly bounds?: RunBounds;
  readonly signal?: AbortSignal;
}

/**
 * @throws {CcosError} when nothing ran: `INVALID_PROGRAM`, `CAPABILITY_DENIED`, `UNENFORCEABLE`,
 *   `ISOLATION_UNAVAILABLE`, `CONFIG_INVALID`, `PARSE_ERROR`, `ENVIRONMENT_REFUSED`.
 */
export async function execute(
  world: World,
  context: ExecutionContext,
  options: ExecuteOptions = {},
): Promise<ExecutionResult> {
  const { program } = context;
  const isMock = context.provider === MOCK_NAME;
  if (!isMock) permit(context);
  const signal = options.signal ?? new AbortController().signal;
  if (program?.kind === "native" && !isMock) {
    const config = { ...EXECUTION_DEFAULTS, ...context.config };
    return await executeNative(world, {
      executionId: context.executionId,
      handler: program.handler,
      handlers: options.handlers ?? new Map(),
      args: context.args,
      timeoutMs: config.timeoutMs,
      signal,
    });
  }
  const output: Uint8Array[] = [];
  const report = await runAgent(world, {
    inputs: inputsOf(context, isMock, options.bounds),
    staged: [],
    terminal: { stdin: null, out: (chunk) => void output.push(chunk), error: () => undefined },
    observe: () => undefined,
    signal,
  });
  return await resultOf(context, report, Buffer.concat(output).toString("utf8"));
}

/** Programs of these kinds reach further than the gate: they need a permission of their own. */
function permit({ program, capabilityPermissions, runtimeContext }: ExecutionContext): void {
  const needed =
    program?.kind === "external" || program?.kind === "script"
      ? "external_program"
      : program?.kind === "native"
        ? "native_function"
        : null;
  if (needed === null || grantedBy(runtimeContext, capabilityPermissions).includes(needed)) return;
  throw new CcosError("CAPABILITY_DENIED", {
    what: `Cannot execute ${program === null ? "" : describeProgram(program)}`,
    why: `SecurityViolation: the context does not grant "${needed}"`,
    fix: `Name "${needed}" in capabilityPermissions and in the runtime context`,
  });
}

function inputsOf(
  context: ExecutionContext,
  isMock: boolean,
  bounds: RunBounds | undefined,
): RunInputs {
  const { program, runtimeContext, capabilityPermissions } = context;
  const config = { ...EXECUTION_DEFAULTS, ...context.config };
  // The mock calls nothing: what it is asked for need not be granted.
  const granted = isMock ? [] : grantedBy(runtimeContext, capabilityPermissions);
  return {
    configFile: "execution.rtfs",
    configSource: configText(config, granted, runtimeContext),
    modules: [],
    staged: [],
    production: false,
    args: context.args.map(toWire),
    ...(isMock ? mockPlan(context) : planOf(program, context)),
    ...boundsWith(context.provider, bounds),
  };
}

type Planned = Pick<RunInputs, "planFile" | "planSource" | "command">;

/** @throws {CcosError} `INVALID_PROGRAM`, `ISOLATION_UNAVAILABLE`. */
function planOf(program: ExecutionProgram | null, context: ExecutionContext): Planned {
  if (program === null) return capabilityPlan(context);
  const source = sourceOf(program);
  if (source !== null) return { planFile: "program.rtfs", planSource: source, command: null };
  if (program.kind === "external")
    return { planFile: null, planSource: null, command: [program.path, ...program.args] };
  if (program.kind === "bytecode") checkModule(program.bytes);
  throw new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot execute ${describeProgram(program)}`,
    why: `no wall of this version runs programs of the kind ${program.kind}`,
    fix: "Give RTFS source or an external program",
  });
}

/** The plan of one call. The id is a literal, so that the call is judged before it runs. */
function capabilityPlan({ capabilityId, args }: ExecutionContext): Planned {
  if (capabilityId === null)
    throw new CcosError("INVALID_PROGRAM", {
      what: "Cannot execute nothing",
      why: "the context has neither a program nor a capability id",
    });
  const named = canonicalCapability(capabilityId);
  if (!named.ok)
    throw new CcosError("UNKNOWN_CAPABILITY", {
      what: `Cannot call ${JSON.stringify(capabilityId.slice(0, 80))}`,
      why: named.error,
    });
  const words = [printValue(named.value.id), ...args.map((_, index) => `arg${index}`)];
  return {
    planFile: `capability ${named.value.id}`,
    planSource: `(call ${words.join(" ")})`,
    command: null,
  };
}

function mockPlan(context: ExecutionContext): Planned {
  const { program, capabilityId } = context;
  if (program === null && capabilityId === null) return capabilityPlan(context);
  const planFile = program === null ? `capability ${capabilityId}` : describeProgram(program);
  return { planFile, planSource: "nil", command: null };
}

const WASM_MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

function checkModule(bytes: Uint8Array): void {
  if (WASM_MAGIC.every((byte, index) => bytes[index] === byte)) return;
  throw new CcosError("INVALID_PROGRAM", {
    what: "Cannot load the WASM module",
    why: `its ${bytes.length} bytes do not begin with the header of WebAssembly 1`,
    fix: "Give the bytes of a compiled module",
  });
}

function boundsWith(
  provider: string | undefined,
  bounds: RunBounds | undefined,
): Pick<RunInputs, "bounds"> {
  if (provider === undefined) return bounds === undefined ? {} : { bounds };
  const stated = bounds?.provider ?? null;
  if (stated !== null && stated.value !== provider)
    throw new CcosError("ENVIRONMENT_REFUSED", {
      what: `Cannot take the provider "${provider}"`,
      why: `${stated.from} names "${stated.value}"`,
    });
  const named = { value: provider, from: "the execution context" };
  return { bounds: { ...(bounds ?? NO_BOUNDS), provider: named } };
}

const NO_BOUNDS: RunBounds = {
  environment: null,
  settings: null,
  wall: null,
  provider: null,
  limits: [],
  processors: null,
  calls: [],
  reach: [],
};

async function resultOf(
  { executionId }: ExecutionContext,
  report: RunReport,
  output: string,
): Promise<ExecutionResult> {
  const { outcome, usage } = report;
  const metadata: ExecutionMetadata = {
    executionId,
    run: report.run,
    provider: report.wall,
    durationMs: report.durationMs,
    ...(usage === null ? {} : { meter: usage.meter }),
    ...(usage === null || usage.cpuMs === null ? {} : { cpuMs: usage.cpuMs }),
    ...(usage === null || usage.memoryBytesPeak === null
      ? {}
      : { memoryBytesPeak: usage.memoryBytesPeak }),
    ...(await readEffects(report.directory.chain)),
    ...(outcome.kind === "exited" ? { exitStatus: outcome.status } : {}),
    ...(outcome.kind === "signaled" ? { signal: outcome.signal } : {}),
    truncated: outcome.kind === "limit" && outcome.by === "output",
  };
  const error = failureOf(outcome, output);
  if (error !== null) return { ok: false, error, metadata };
  const value = outcome.kind === "value" ? valueOf(outcome.value) : output;
  return { ok: true, value, metadata };
}

function valueOf(wire: Parameters<typeof fromWire>[0]): Value {
  const value = fromWire(wire);
  if (value.ok) return value.value;
  throw new CcosError("PROTOCOL_VIOLATION", {
    what: "Cannot read the program's value",
    why: value.error,
  });
}

/** Null: it ended well. */
function failureOf(outcome: ProgramOutcome, output: string): ExecutionFailure | null {
  switch (outcome.kind) {
    case "value":
      return null;
    case "refused":
      return { code: outcome.code, kind: "SecurityViolation", message: outcome.message };
    case "failed":
      return { code: outcome.code, kind: outcome.errorKind, message: outcome.message };
    case "limit":
      return {
        code: outcome.code,
        kind: "ResourceError",
        message: `ended by the ${outcome.by} limit`,
      };
    case "exited":
      return outcome.status === 0
        ? null
        : failed(`the program exited with status ${outcome.status}`, output);
    case "signaled":
      return failed(`the program was ended by ${outcome.signal}`, output);
  }
}

function failed(message: string, output: string): ExecutionFailure {
  const said = output === "" ? "" : `: ${output.slice(0, 200).trimEnd()}`;
  return { code: "PROGRAM_ERROR", kind: "HostError", message: `${message}${said}` };
}
