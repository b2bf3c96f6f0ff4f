/**
 * The static checker: finds what is certain to fail, before a run.
 *
 * Read in this order: checkProgram, Checker.judge, #call, #direct. Gradual: what is not known can be
 * anything and is never refused. Each node is judged once, a function when it is first needed; what
 * its body certainly does with a parameter is required of every call. A place is *certain* when no
 * run can end with a value without passing it: not in a branch, not where a catch could save it.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Analysed } from "../analysis/analyser.ts";
import { functionsOf } from "../analysis/call-graph.ts";
import { Constants } from "../analysis/constant.ts";
import type { Cell, CodeNode, Node, Scope } from "../analysis/node.ts";
import type { TypeValidator } from "../types/compile-type.ts";
import { printType } from "../types/print-type.ts";
import type { Type } from "../types/type.ts";
import { printValue } from "../values/print.ts";
import { Keyword, type Value } from "../values/value.ts";
import { type Around, type Judge, judgeBinding, judgeControl } from "./control.ts";
import { badArgument, type FindingKind, type TypeFinding } from "./finding.ts";
import {
  ANY,
  ERROR,
  FUNCTION,
  type Kinds,
  kinds,
  kindsOfType,
  kindsOfValue,
  kindsText,
  LIST,
  MAP,
  NEVER,
  NIL,
  NUMBER,
  STRING,
  VECTOR,
} from "./kinds.ts";
import { parameterOf, SIGNATURES } from "./signatures.ts";
import { parameterType, StatedTypes } from "./stated-types.ts";
import { canFit, isSubtype } from "./subtype.ts";

/** What is known of a capability: types of its argument vector and of its result. */
export interface CapabilityTypes {
  readonly input: TypeValidator;
  readonly output: TypeValidator;
}

export interface CheckOptions {
  /** Fewest and most arguments of each library function. */
  readonly arities: ReadonlyMap<string, readonly [number, number]>;
  /** By id without colon; null: not known. Absent: none is. */
  readonly capability?: (id: string) => CapabilityTypes | null;
}

export interface Checked {
  /** In source order of discovery; at most 200. */
  readonly findings: readonly TypeFinding[];
  /** Checks that always succeed: an engine may leave them out. */
  readonly verified: ReadonlySet<Node>;
  /** Nodes looked at; grows with the program. */
  readonly visited: number;
}

const FINDINGS_MAX = 200;
/** Nesting at which a function is no longer judged for its caller, but only where it stands. */
const DEPTH_MAX = 1000;
const CALLABLE = FUNCTION | kinds("keyword");
const LOOKED_UP = MAP | NIL | ERROR;

export function checkProgram({ nodes, scope }: Analysed, options: CheckOptions): Checked {
  const checker = new Checker(options);
  for (const node of nodes)
    checker.judge(node, { scope, code: null, isCertain: true, span: NOWHERE });
  checker.settle();
  return checker;
}

type CheckNode = Extract<Node, { op: "check" }>;
type CallNode = Extract<Node, { op: "call" }>;

/** What is known of a function written in the program. */
interface FunctionFacts {
  /** What each parameter must be, or a call fails; by index. */
  readonly required: Kinds[];
  result: Kinds;
}

const NOWHERE: SourceSpan = { file: "", start: 0, end: 0, line: 1, column: 1 };

interface Pending {
  readonly code: CodeNode | null;
  readonly isCertain: boolean;
  readonly finding: Omit<TypeFinding, "severity">;
}

class Checker implements Checked, Judge {
  readonly verified = new Set<Node>();
  findings: readonly TypeFinding[] = [];
  visited = 0;
  #depth = 0;
  readonly #options: CheckOptions;
  readonly #constants = new Constants();
  readonly #types: StatedTypes;
  readonly #slots = new Map<Scope, Kinds[]>();
  readonly #cells = new Map<Cell, Kinds>();
  readonly #functions = new Map<CodeNode, FunctionFacts>();
  /** Functions that every run calls. */
  readonly #certain = new Set<CodeNode>();
  /** Functions that a function certainly calls. */
  readonly #certainCalls = new Map<CodeNode, CodeNode[]>();
  readonly #pending: Pending[] = [];

  constructor(options: CheckOptions) {
    this.#options = options;
    this.#types = new StatedTypes(options.capability ?? (() => null));
  }

  /** Decide which findings no run survives. Call once, at the end. */
  settle(): void {
    for (const code of this.#certain) {
      for (const called of this.#certainCalls.get(code) ?? []) this.#certain.add(called);
    }
    this.findings = this.#pending.map(({ code, isCertain, finding }) => {
      const isFatal = isCertain && (code === null || this.#certain.has(code));
      return { severity: isFatal ? "error" : "warning", ...finding };
    });
  }

  find(around: Around, kind: FindingKind, finding: Omit<TypeFinding, "severity" | "kind">): void {
    if (this.#pending.length >= FINDINGS_MAX) return;
    const { code, isCertain } = around;
    this.#pending.push({ code, isCertain, finding: { kind, ...finding } });
  }

  #slotsOf(scope: Scope): Kinds[] {
    const slots = this.#slots.get(scope) ?? [];
    this.#slots.set(scope, slots);
    return slots;
  }

  /** What a node's value can be. */
  judge(node: Node, around: Around): Kinds {
    this.visited++;
    this.#depth++;
    const value = this.#judge(node, around);
    this.#depth--;
    return value;
  }

  #judge(node: Node, around: Around): Kinds {
    switch (node.op) {
      case "const":
        return kindsOfValue(node.value);
      case "local":
        return this.#slotsOf(node.binding.scope)[node.binding.slot] ?? ANY;
      case "global":
        return this.#cells.get(node.cell) ?? ANY;
      case "builtin":
        return FUNCTION;
      case "argument":
        return node.index < 0 ? VECTOR : ANY;
      case "fn":
        this.#factsOf(node.code);
        return FUNCTION;
      case "call":
        return this.#call(node, { ...around, span: node.span });
      case "host-call":
        return this.#hostCall(node, { ...around, span: node.span });
      case "vector":
        this.each(node.items, around);
        return VECTOR;
      case "map":
        this.each(
          node.entries.map(([, value]) => value),
          around,
        );
        return MAP;
      case "set":
        return this.bound(around.scope, node.slot, this.judge(node.value, around));
      case "define":
        return this.#define(node.cells, this.judge(node.value, around));
      case "bind":
        return judgeBinding(this, node.pattern, this.judge(node.value, around), {
          ...around,
          span: node.span,
        });
      case "check":
        return this.#check(node, { ...around, span: node.span });
      case "meta":
        this.each(
          node.runtime.map(([, value]) => value),
          around,
        );
        return this.judge(node.body, around);
      case "do":
      case "if":
      case "and":
      case "or":
      case "match":
      case "try":
      case "step":
      case "for":
      case "dotimes":
      case "context":
        return judgeControl(this, node, around);
    }
  }

  each(nodes: readonly Node[], around: Around): readonly Kinds[] {
    return nodes.map((node) => this.judge(node, around));
  }

  bound(scope: Scope, slot: number, value: Kinds): Kinds {
    this.#slotsOf(scope)[slot] = value;
    return value;
  }

  #define(cells: readonly Cell[], value: Kinds): Kinds {
    for (const cell of cells) {
      if (!cell.isExternal && cell.values.length === 1) this.#cells.set(cell, value);
    }
    return value;
  }

  /** A value meets its annotation. */
  #check(node: CheckNode, around: Around): Kinds {
    const value = this.judge(node.value, around);
    if (isRestParameter(node.value, around.code)) return value;
    const wanted = kindsOfType(node.type);
    const constant = this.#constants.of(node.value);
    const failure = constant === undefined ? null : node.type.check(constant);
    if (constant !== undefined && failure !== null) {
      const message = `${node.what} has the type ${node.type.source}, and the value is ${brief(constant)}`;
      this.find(around, "mismatch", { message, span: node.span });
    } else if ((value & wanted.kinds) === 0 && value !== NEVER) {
      const message = `${node.what} has the type ${node.type.source}, and the value is ${kindsText(value)}`;
      this.find(around, "mismatch", { message, span: node.span });
    } else if (!this.#canFit(node.value, node.type.type)) {
      const message = `${node.what} has the type ${node.type.source}, and the value cannot have it`;
      this.find(around, "mismatch", { message, span: node.span });
    } else if (constant !== undefined || (wanted.isExact && (value & ~wanted.kinds) === 0)) {
      this.verified.add(node);
    } else if (this.#isProven(node.value, node.type.type)) this.verified.add(node);
    this.#require(node.value, wanted.kinds, around);
    return value & wanted.kinds;
  }

  #canFit(node: Node, wanted: Type | null): boolean {
    const given = this.#types.of(node);
    return given === null || wanted === null || canFit(given, wanted);
  }

  #isProven(node: Node, wanted: Type | null): boolean {
    const given = this.#types.of(node);
    return given !== null && wanted !== null && isSubtype(given, wanted);
  }

  /** A place that every call of the function passes needs this of a value: so does the parameter. */
  #require(node: Node, wanted: Kinds, { code, isCertain }: Around): void {
    if (code === null || !isCertain || node.op !== "local") return;
    const { binding } = node;
    const index = binding.slot - 1;
    if (binding.scope !== code.scope || index < 0 || index >= code.arity) return;
    const { required } = this.#functions.get(code)!;
    required[index] = required[index]! & wanted;
  }

  /** A function is judged when it is first met; a call of one under way knows nothing of it. */
  #factsOf(code: CodeNode): FunctionFacts {
    const known = this.#functions.get(code);
    if (known !== undefined) return known;
    if (this.#depth > DEPTH_MAX) return { required: Array(code.arity).fill(ANY), result: ANY };
    const facts: FunctionFacts = { required: Array(code.arity).fill(ANY), result: ANY };
    this.#functions.set(code, facts);
    const around: Around = { scope: code.scope, code, isCertain: true, span: NOWHERE };
    if (code.restSlot !== 0) this.bound(code.scope, code.restSlot, LIST);
    for (const node of code.prologue) {
      const value = this.judge(node, around);
      const checked = node.op === "check" ? node.value : null;
      if (checked?.op !== "local" || checked.binding.slot === code.restSlot) continue;
      this.bound(code.scope, checked.binding.slot, value);
    }
    facts.result = this.judge(code.body, around);
    return facts;
  }

  #call(node: CallNode, around: Around): Kinds {
    const { callee, args } = node;
    if (callee.op === "builtin") return this.#library(callee.name, args, around);
    if (callee.op === "const" && callee.value instanceof Keyword) {
      return this.#keyword(callee.value, args, around);
    }
    const called = this.judge(callee, around);
    const [code, ...others] = functionsOf(callee);
    if (code !== undefined && others.length === 0) return this.#direct(code, args, around);
    this.each(args, around);
    if ((called & CALLABLE) === 0 && called !== NEVER) {
      const message = `${kindsText(called)} is called, and is no function`;
      this.find(around, "not-a-function", { message, span: node.span });
    }
    this.#require(callee, CALLABLE, around);
    return ANY;
  }

  #library(name: string, args: readonly Node[], around: Around): Kinds {
    const given = this.each(args, around);
    const arity = this.#options.arities.get(name);
    if (arity !== undefined && (args.length < arity[0] || args.length > arity[1])) {
      this.#arity(name, args.length, arity, around);
      return NEVER;
    }
    const signature = SIGNATURES.get(name);
    if (signature === undefined) return ANY;
    for (const [index, arg] of args.entries()) {
      const wanted = parameterOf(signature, index);
      this.#argument(name, index, { arg, given: given[index]!, wanted }, around);
    }
    if (ORDERED.has(name)) this.#ordered(name, given, around);
    return signature.result(given);
  }

  /** @returns whether a value of that kind can be the argument. */
  #argument(name: string, index: number, { arg, given, wanted }: Given, around: Around): boolean {
    this.#require(arg, wanted, around);
    if ((given & wanted) !== 0 || given === NEVER) return true;
    const message = badArgument(name, index, wanted, given);
    this.find(around, "bad-argument", {
      message,
      span: spanOf(arg) ?? around.span,
      argument: index,
    });
    return false;
  }

  /** Two numbers or two strings. */
  #ordered(name: string, [one = ANY, other = ANY]: readonly Kinds[], around: Around): void {
    const isNumber = (set: Kinds) => (set & ~NUMBER) === 0;
    const isText = (set: Kinds) => (set & ~STRING) === 0;
    const isMixed = (isNumber(one) && isText(other)) || (isText(one) && isNumber(other));
    if (!isMixed || one === NEVER || other === NEVER) return;
    const message = `\`${name}\` compares two numbers or two strings, not ${kindsText(one)} with ${kindsText(other)}`;
    this.find(around, "bad-argument", { message, span: around.span, argument: 1 });
  }

  #arity(name: string, count: number, [least, most]: readonly [number, number], around: Around) {
    const open = most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least} to ${most}`;
    const wanted = least === most ? `${least}` : open;
    const noun = least === 1 && most !== 2 ? "argument" : "arguments";
    const message = `\`${name}\` takes ${wanted} ${noun}, and gets ${count}`;
    this.find(around, "arity", { message, span: around.span });
  }

  #keyword(key: Keyword, args: readonly Node[], around: Around): Kinds {
    const [container] = this.each(args, around);
    if (args.length < 1 || args.length > 2) {
      this.#arity(`:${key.name}`, args.length, [1, 2], around);
      return NEVER;
    }
    this.#require(args[0]!, LOOKED_UP, around);
    if ((container! & LOOKED_UP) === 0 && container !== NEVER) {
      const message = `\`:${key.name}\` looks into a map, and this is ${kindsText(container!)}`;
      this.find(around, "not-a-map", { message, span: around.span });
    }
    return ANY;
  }

  /** A call of one function written in the program. */
  #direct(code: CodeNode, args: readonly Node[], around: Around): Kinds {
    const given = this.each(args, around);
    const name = code.name === "" ? "fn" : code.name;
    const most = code.restSlot === 0 ? code.arity : Number.POSITIVE_INFINITY;
    const { required, result } = this.#factsOf(code);
    if (args.length < code.arity || args.length > most) {
      this.#arity(name, args.length, [code.arity, most], around);
      return NEVER;
    }
    for (let index = 0; index < code.arity; index++) {
      const wanted = required[index]!;
      const arg = args[index]!;
      const isKind = this.#argument(name, index, { arg, given: given[index]!, wanted }, around);
      const type = parameterType(code, index);
      if (!isKind || this.#canFit(arg, type)) continue;
      const message = `argument ${index + 1} of \`${name}\` cannot have the type ${printType(type!)}`;
      const span = spanOf(arg) ?? around.span;
      this.find(around, "bad-argument", { message, span, argument: index });
    }
    if (around.isCertain) this.#calls(around.code, code);
    return result;
  }

  #calls(from: CodeNode | null, code: CodeNode): void {
    if (from === null) this.#certain.add(code);
    else {
      const called = this.#certainCalls.get(from) ?? [];
      called.push(code);
      this.#certainCalls.set(from, called);
    }
  }

  #hostCall(node: Extract<Node, { op: "host-call" }>, around: Around): Kinds {
    const [id, ...given] = this.each(node.args, around);
    if ((id! & kinds("keyword", "string")) === 0 && id !== NEVER) {
      const message = `a capability id is a keyword or a string, not ${kindsText(id!)}`;
      this.find(around, "bad-argument", { message, span: node.span, argument: 0 });
      return NEVER;
    }
    const [written, ...values] = node.args.map((arg) => this.#constants.of(arg));
    const name = written instanceof Keyword ? written.name : written;
    if (typeof name !== "string") return ANY;
    const types = this.#options.capability?.(name) ?? null;
    if (types === null) return ANY;
    const isKnown = values.length === given.length && values.every((value) => value !== undefined);
    const failure = isKnown ? types.input.check(values as readonly Value[]) : null;
    if (failure !== null) {
      const message = `the arguments of ${name} do not fit its contract: ${failure.path || "they"} must be ${failure.expected}, not ${failure.actual}`;
      this.find(around, "mismatch", { message, span: node.span });
    }
    return kindsOfType(types.output).kinds;
  }
}

interface Given {
  readonly arg: Node;
  readonly given: Kinds;
  readonly wanted: Kinds;
}

const ORDERED = new Set(["<", ">", "<=", ">="]);
const SHOWN_LENGTH_MAX = 60;

function brief(value: Value): string {
  const text = printValue(value);
  return text.length <= SHOWN_LENGTH_MAX
    ? text
    : `${text.slice(0, SHOWN_LENGTH_MAX).toWellFormed()}…`;
}

/** Its annotation is about each item, not about the list. */
function isRestParameter(node: Node, code: CodeNode | null): boolean {
  return (
    node.op === "local" &&
    code !== null &&
    code.restSlot !== 0 &&
    node.binding.scope === code.scope &&
    node.binding.slot === code.restSlot
  );
}

function spanOf(node: Node): SourceSpan | null {
  return "span" in node ? node.span : null;
}
