/**
 * The meaning of every node: the reference that other engines are held to.
 *
 * Read in this order: Interpreter.begin (the table of forms), call, enter. Written to be read, not
 * to be fast. Every place where fuel is spent and every place an error is given are part of the
 * meaning: engines agree on both.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Node } from "../analysis/node.ts";
import { arityMismatch, type Builtin, type MachineOptions } from "../eval/machine.ts";
import { equalValues } from "../values/equality.ts";
import { displayMetered } from "../values/print.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import { isTruthy, List, type MapKey, MapValue, type Value, Vector } from "../values/value.ts";
import { checkType } from "./check.ts";
import { contextForm, hostCall, metaForm, stepForm } from "./effects.ts";
import { Environment, ReferenceClosure, TailCall } from "./environment.ts";
import { type Ask, type Asked, Driver, evaluateAll, type Evaluation } from "./evaluation.ts";
import { dotimesForm, forForm } from "./loops.ts";
import { destructure, matches } from "./patterns.ts";
import { ReferenceMachine } from "./reference-machine.ts";
import { tryForm } from "./try.ts";

/** Library functions that cost nothing when called by name with so many arguments. */
const FREE: ReadonlyMap<string, number> = new Map([
  ...["not", "inc", "dec"].map((name) => [name, 1] as const),
  ...["+", "-", "*", "/", "mod", "<", ">", "<=", ">=", "="].map((name) => [name, 2] as const),
]);

export interface Globals {
  /** By the index of the cell; undefined: not defined yet. */
  readonly cells: (Value | undefined)[];
  readonly builtins: ReadonlyMap<string, Builtin>;
  readonly args: readonly Value[];
}

/** Nodes that have their value at once. */
const ATOMS = ["const", "local", "global", "builtin", "argument", "fn"] as const;
type AtomName = (typeof ATOMS)[number];

function isAtom(node: Node): node is Op<AtomName> {
  return (ATOMS as readonly string[]).includes(node.op);
}

type Op<Name extends Node["op"]> = Extract<Node, { op: Name }>;

export class Interpreter implements Asked {
  readonly machine: ReferenceMachine;
  readonly #globals: Globals;
  readonly #driver: Driver = new Driver(this);

  constructor(options: MachineOptions, globals: Globals) {
    this.#globals = globals;
    this.machine = new ReferenceMachine(options, (closure, args) =>
      this.#driver.run(this.#enter(closure, this.#bindArguments(closure, args))),
    );
  }

  /** Evaluate a node to its end. */
  run(node: Node, environment: Environment): Value {
    const value = this.atom([node, environment]);
    return value === undefined ? this.#driver.run(this.begin([node, environment])) : value;
  }

  atom([node, environment]: Ask): Value | undefined {
    return isAtom(node) ? this.#atom(node, environment) : undefined;
  }

  #atom(node: Op<AtomName>, environment: Environment): Value {
    switch (node.op) {
      case "const":
        return node.value;
      case "local":
        return this.#local(node, environment);
      case "global":
        return this.#global(node);
      case "builtin":
        return this.#globals.builtins.get(node.name)!;
      case "argument":
        return this.#argument(node);
      case "fn":
        return new ReferenceClosure(node.code, environment);
    }
  }

  begin([node, environment]: Ask): Evaluation {
    if (isAtom(node)) throw new Error(`${node.op} has its value at once`);
    switch (node.op) {
      case "if":
        return this.#if(node, environment);
      case "do":
        return this.#do(node, environment);
      case "and":
      case "or":
        return this.#logic(node, environment);
      case "set":
        return this.#set(node, environment);
      case "bind":
        return this.#bind(node, environment);
      case "define":
        return this.#define(node, environment);
      case "check":
        return this.#check(node, environment);
      case "call":
        return this.#call(node, environment);
      case "vector":
        return this.#vector(node, environment);
      case "map":
        return this.#map(node, environment);
      case "match":
        return this.#match(node, environment);
      case "try":
        return tryForm(this.machine, node, environment);
      case "for":
        return forForm(this.machine, node, environment);
      case "dotimes":
        return dotimesForm(this.machine, node, environment);
      case "host-call":
        return hostCall(this.machine, node, environment);
      case "step":
        return stepForm(this.machine, node, environment);
      case "context":
        return contextForm(this.machine, node, environment);
      case "meta":
        return metaForm(this.machine, node, environment);
    }
  }

  #local({ depth, binding, span }: Op<"local">, environment: Environment): Value {
    const value = environment.outer(depth).get(binding.slot);
    if (value !== undefined) return value;
    this.machine.at = span;
    throw undefinedSymbol(binding.name, `\`${binding.name}\` is used before it is defined`);
  }

  #global({ cell, span }: Op<"global">): Value {
    const value = this.#globals.cells[cell.index];
    if (value !== undefined) return value;
    this.machine.at = span;
    throw undefinedSymbol(cell.name, `\`${cell.name}\` is used before it is defined`);
  }

  #argument({ index, span }: Op<"argument">): Value {
    const { args } = this.#globals;
    const value = index < 0 ? new Vector(args) : args[index];
    if (value !== undefined) return value;
    this.machine.at = span;
    const message = `\`arg${index}\` is not given: the program got ${args.length} arguments`;
    throw undefinedSymbol(`arg${index}`, message);
  }

  *#if({ test, then, otherwise }: Op<"if">, environment: Environment): Evaluation {
    const value = yield [test, environment];
    return yield [isTruthy(value) ? then : otherwise, environment];
  }

  *#do({ nodes }: Op<"do">, environment: Environment): Evaluation {
    let value: Value = null;
    for (const node of nodes) value = yield [node, environment];
    return value;
  }

  *#logic({ op, nodes }: Op<"and" | "or">, environment: Environment): Evaluation {
    for (const node of nodes.slice(0, -1)) {
      const value = yield [node, environment];
      if (isTruthy(value) === (op === "or")) return value;
    }
    return yield [nodes.at(-1)!, environment];
  }

  *#set({ slot, value: node }: Op<"set">, environment: Environment): Evaluation {
    const value = yield [node, environment];
    environment.set(slot, value);
    return value;
  }

  *#bind({ pattern, value: node, span }: Op<"bind">, environment: Environment): Evaluation {
    const value = yield [node, environment];
    this.machine.at = span;
    return yield* destructure(this.machine, pattern, value, environment);
  }

  *#define({ cells, value: node }: Op<"define">, environment: Environment): Evaluation {
    const value = yield [node, environment];
    for (const cell of cells) this.#globals.cells[cell.index] = value;
    return value;
  }

  *#check({ type, value: node, what, span }: Op<"check">, environment: Environment): Evaluation {
    const value = yield [node, environment];
    checkType(this.machine, type, { value, what, span });
    return value;
  }

  *#vector({ items }: Op<"vector">, environment: Environment): Evaluation {
    this.machine.spend(1 + items.length);
    return new Vector(yield* evaluateAll(items, environment));
  }

  *#map({ entries, form }: Op<"map">, environment: Environment): Evaluation {
    this.machine.spend(1 + entries.length);
    const values = new Map<MapKey, Value>();
    for (const [key, node] of entries) values.set(key, yield [node, environment]);
    const map = new MapValue(values);
    this.machine.onMapLiteral?.(map, form);
    return map;
  }

  *#match({ subject, clauses, span }: Op<"match">, environment: Environment): Evaluation {
    const value = yield [subject, environment];
    for (const { pattern, guard, body } of clauses) {
      if (!matches(this.machine, pattern, value, environment)) continue;
      if (guard !== null && !isTruthy(yield [guard, environment])) continue;
      return yield [body, environment];
    }
    this.machine.at = span;
    throw noMatch(this.machine, value);
  }

  /** The callee, the arguments from left to right, then the call. */
  *#call({ callee, args, isTail, span }: Op<"call">, environment: Environment): Evaluation {
    const target = yield [callee, environment];
    const values = yield* evaluateAll(args, environment);
    const { machine } = this;
    const isFree = callee.op === "builtin" && FREE.get(callee.name) === args.length;
    if (isFree) return this.#free(target as Builtin, values, span);
    machine.at = span;
    if (!(target instanceof ReferenceClosure)) return machine.apply(target, values);
    const inner = this.#bindArguments(target, values);
    return isTail ? new TailCall(target, inner) : yield* this.#enter(target, inner);
  }

  /** Operators do not pay for the call: a program cannot repeat anything without other calls. */
  #free(operator: Builtin, values: readonly Value[], span: SourceSpan): Value {
    const [left, right] = values as [Value, Value];
    if (operator.name === "=")
      return left === right || equalValues(left, right, this.machine.meter);
    this.machine.at = span;
    return operator.run(values, this.machine);
  }

  /** @throws {RtfsError} ArityMismatch. */
  #bindArguments(closure: ReferenceClosure, args: readonly Value[]): Environment {
    const { name, arity, restSlot } = closure.code;
    const most = restSlot === 0 ? arity : Number.POSITIVE_INFINITY;
    if (args.length < arity || args.length > most) {
      throw arityMismatch(name, [arity, most], args.length);
    }
    const inner = new Environment(closure.environment);
    for (let index = 0; index < arity; index++) inner.set(index + 1, args[index]!);
    if (restSlot !== 0) inner.set(restSlot, new List(args.slice(arity)));
    return inner;
  }

  /** A nested call. Calls in tail position take its place, one after the other. */
  *#enter(first: ReferenceClosure, arguments_: Environment): Evaluation {
    let closure = first;
    let environment = arguments_;
    try {
      this.machine.deepen();
      for (;;) {
        this.machine.spend(1);
        for (const node of closure.code.prologue) yield [node, environment];
        const value = yield [closure.code.body, environment];
        if (!(value instanceof TailCall)) return value;
        ({ closure, environment } = value);
      }
    } finally {
      this.machine.depth--;
    }
  }
}

function undefinedSymbol(symbol: string, message: string): RtfsError {
  return new RtfsError("UndefinedSymbol", message, { symbol });
}

function noMatch({ meter }: ReferenceMachine, value: Value): RtfsError {
  const shown = displayMetered(value, meter).slice(0, 80).toWellFormed();
  return new RtfsError("MatchError", `No clause matches ${shown}`, { value });
}
