/**
 * Laws: small programs with what must come of them. A file is
 *
 * ```text
 * ;; spec: semantics 8.1          the clause it belongs to (first line)
 * ;; level: controlled            options of every case of the file, see OPTIONS
 * (+ 1 2) ;; => 3                 a case: the lines up to one that ends in `;; => printed value`
 * (/ 1 0) ;; error 4:1 DivisionByZero       … or in `;; error LINE:COL Kind`, or `;; error Kind`
 * ;; calls: [:ccos.echo 1] …      after a case: exactly these calls reached the host, in order
 * ;; effects: STEP ROW            … and what is judged of it without a run, see judgement.ts
 * ```
 *
 * Errors found before the run have the kind ParseError when they name none; cases share nothing.
 * Options, one a line:
 * `level: pure|controlled|full` (default: no host), `allow: id …`, `compat: seed`, `strict`,
 * `fuel: N`, `context: key VALUE`, and `stub: id returns VALUE | echo first | echo all | fails Kind`.
 * An unknown id is UnknownCapability. Metadata of a call is recorded after its arguments.
 *
 * @module
 */
import {
  type CompileOptions,
  compiledEngine,
  compileProgram,
  type Engine,
  formToValue,
  fromWire,
  guardedHost,
  type Host,
  keyword,
  printValue,
  readForms,
  referenceEngine,
  RtfsError,
  runProgram,
  ScopedContext,
  type SecurityLevel,
  toWire,
  type Value,
  MapValue,
  Vector,
} from "../../src/rtfs/index.ts";
import { followed, outlineOf } from "../differential/plan-follower.ts";

/** Every engine runs every law. */
export const ENGINES: ReadonlyMap<string, Engine> = new Map([
  ["reference", referenceEngine],
  ["compiled", compiledEngine],
]);

export interface Law {
  readonly line: number;
  readonly source: string;
  readonly expected: string;
  /** What else is said of it, in order: `calls`, and the keys of judgement.ts. */
  readonly notes: readonly Note[];
}

export interface Note {
  readonly key: string;
  readonly text: string;
}

const ENDING = / ?;; (=> .*|error ([0-9]+:[0-9]+ )?[A-Za-z]+)$/;

const NOTE = /^;; (calls|effects|judged|check|problems|format|schema|type):(?: (.*))?$/;

export function lawsOf(text: string): Law[] {
  const laws: Law[] = [];
  let from = 0;
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    const found = ENDING.exec(line);
    if (found === null) continue;
    const code = [...lines.slice(from, index), line.slice(0, found.index)].join("\n");
    const notes = notesFrom(lines, index + 1);
    laws.push({ line: index + 1, source: "\n".repeat(from) + code, expected: found[1]!, notes });
    from = index + 1 + notes.length;
  }
  return laws;
}

function notesFrom(lines: readonly string[], from: number): readonly Note[] {
  const notes: Note[] = [];
  for (let at = from; at < lines.length; at++) {
    const found = NOTE.exec(lines[at]!);
    if (found === null) break;
    notes.push({ key: found[1]!, text: found[2]?.trim() ?? "" });
  }
  return notes;
}

export interface LawOptions {
  readonly compile: CompileOptions;
  readonly level: SecurityLevel | null;
  readonly allow: readonly string[];
  readonly fuel: number;
  readonly stubs: ReadonlyMap<string, Stub>;
  readonly context: ReadonlyMap<string, Value>;
}

type Stub = (args: readonly Value[]) => Value;

/** The options at the head of a file. */
export function optionsOf(text: string): LawOptions {
  const all = (name: string): string[] =>
    [...text.matchAll(new RegExp(`^;; ${name}:? ?(.*)$`, "gm"))].map((found) => found[1]!.trim());
  const level = all("level")[0];
  return {
    compile: {
      ...(all("compat")[0] === "seed" ? { compat: "seed" as const } : {}),
      strict: all("strict").length > 0,
    },
    level: level === undefined ? null : (level as SecurityLevel),
    allow: all("allow").flatMap((ids) => ids.split(" ")),
    fuel: Number(all("fuel")[0] ?? 1_000_000),
    stubs: new Map(all("stub").map(stubOf)),
    context: new Map(all("context").map(contextOf)),
  };
}

function stubOf(line: string): [string, Stub] {
  const [, id, verb, what] = /^(\S+) (returns|echo|fails) (.+)$/.exec(line)!;
  if (verb === "returns") {
    const value = valueOf(what!);
    return [id!, () => value];
  }
  if (verb === "echo") {
    return [id!, (args) => (what === "all" ? new Vector(args) : (args[0] ?? null))];
  }
  return [
    id!,
    () => {
      throw new RtfsError(what!, `${id} fails`);
    },
  ];
}

function contextOf(line: string): [string, Value] {
  const [, key, text] = /^(\S+) (.+)$/.exec(line)!;
  return [key!, valueOf(text!)];
}

function valueOf(text: string): Value {
  const forms = readForms(text, { file: "stub" });
  if (!forms.ok || forms.value.length !== 1) throw new Error(`no value: ${text}`);
  return formToValue(forms.value[0]!);
}

/** What is left of a value that goes to the host. */
function crossing(value: Value): Value {
  const crossed = fromWire(toWire(value));
  if (!crossed.ok) throw new Error(crossed.error);
  return crossed.value;
}

/** A host of stubs that writes down what reached it. */
class StubHost implements Host {
  readonly calls: string[] = [];
  readonly #context: ScopedContext;
  readonly #stubs: ReadonlyMap<string, Stub>;

  constructor({ stubs, context }: LawOptions) {
    this.#stubs = stubs;
    this.#context = new ScopedContext(context);
  }

  call(
    capability: string,
    args: readonly Value[],
    metadata: ReadonlyMap<string, Value> | null,
  ): Value {
    const attached = metadata === null ? [] : [MapValue.of(metadata)];
    const crossed = args.map(crossing);
    this.calls.push(printValue(new Vector([keyword(capability), ...crossed, ...attached])));
    const stub = this.#stubs.get(capability);
    if (stub !== undefined) return stub(crossed);
    throw new RtfsError("UnknownCapability", `No capability is called "${capability}"`);
  }

  step(event: "enter" | "leave" | "fail"): void {
    this.#context.step(event);
  }

  context(key: string): Value | undefined {
    return this.#context.get(key);
  }

  contextSet(key: string, value: Value): void {
    this.#context.set(key, value);
  }
}

export interface LawOutcome {
  readonly outcome: string;
  readonly calls: string;
  /** Null: refused before the run. */
  readonly fuelUsed: number | null;
}

/** Run one law on one engine. */
export function runLaw({ source, expected }: Law, options: LawOptions, engine: Engine): LawOutcome {
  const forms = readForms(source, { file: "case" });
  const program = forms.ok ? compileProgram(forms.value, options.compile) : forms;
  if (!program.ok) {
    const { span, kind = "ParseError" } = program.error[0]!;
    return { outcome: `error ${span.line}:${span.column} ${kind}`, calls: "", fuelUsed: null };
  }
  const stubs = new StubHost(options);
  const { level, allow, fuel } = options;
  const outline = level === null ? null : outlineOf(source, options.compile);
  const guarded = level === null ? null : guardedHost(stubs, { level, allow });
  const follower = outline === null || guarded === null ? null : followed(outline, guarded);
  const host = follower?.host ?? guarded;
  const limits = { engine, fuel, depthMax: 1000 };
  const outcome = runProgram(program.value, host === null ? limits : { ...limits, host });
  const strayed = follower?.refused(outcome.ok) ?? null;
  if (strayed !== null)
    return { outcome: `strays from its flow: ${strayed}`, calls: "", fuelUsed: null };
  const calls = stubs.calls.join(" ");
  const { fuelUsed } = outcome;
  if (outcome.ok) return { outcome: `=> ${printValue(outcome.value)}`, calls, fuelUsed };
  const { span, kind } = outcome.error;
  const place = /^error [A-Za-z]/.test(expected) ? "" : `${span?.line}:${span?.column} `;
  return { outcome: `error ${place}${kind}`, calls, fuelUsed };
}
