/**
 * Nodes to closures: the generator and the simple nodes.
 *
 * Read in this order: Generator.run, Generator.code. Calls live in generate-call.ts, inlined
 * arithmetic in generate-operator.ts, control in generate-control.ts. A closure gets the frame and
 * returns a value; only one in tail position may return TAIL_CALL.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { CodeNode, Node } from "../analysis/node.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import { type MapKey, type Value, Vector, MapValue } from "../values/value.ts";
import { generateCall, generateHostCall } from "./generate-call.ts";
import { generateMatch, generateStep, generateTry } from "./generate-control.ts";
import { generateContext, generateMeta } from "./generate-context.ts";
import { generateDotimes, generateFor } from "./generate-loop.ts";
import { generateDestructure } from "./generate-pattern.ts";
import { checkType, evaluateAll, type Generation } from "./generation.ts";
import { type Builtin, Closure, type Code, type Frame, type Machine, type Run } from "./machine.ts";

/** One top-level name at run time. */
export interface CellBox {
  value: Value | undefined;
}

export class Generator implements Generation {
  readonly machine: Machine;
  readonly boxes: readonly CellBox[];
  readonly builtins: ReadonlyMap<string, Builtin>;
  readonly args: readonly Value[];
  /** The function being generated; null at top level. */
  current: Code | null = null;

  constructor(parts: Pick<Generator, "machine" | "boxes" | "builtins" | "args">) {
    this.machine = parts.machine;
    this.boxes = parts.boxes;
    this.builtins = parts.builtins;
    this.args = parts.args;
  }

  run(node: Node): Run {
    switch (node.op) {
      case "const":
        return this.#constant(node.value);
      case "local":
        return this.#local(node);
      case "global":
        return this.#global(this.boxes[node.cell.index]!, node.cell.name, node.span);
      case "builtin":
        return this.#constant(this.builtins.get(node.name)!);
      case "argument":
        return this.#argument(node.index, node.span);
      case "fn":
        return this.#function(node.code);
      case "call":
        return generateCall(this, node);
      case "host-call":
        return generateHostCall(this, node);
      case "vector":
        return this.#vector(this.#runs(node.items));
      case "map":
        return this.#map(node);
      case "if":
        return this.#if(this.run(node.test), this.run(node.then), this.run(node.otherwise));
      case "do":
        return this.#do(this.#runs(node.nodes));
      case "and":
      case "or":
        return this.#logic(node.op === "and", this.#runs(node.nodes));
      case "set":
        return this.#set(node.slot, this.run(node.value));
      case "bind":
        return generateDestructure(this, node);
      case "define":
        return this.#define(node);
      case "check":
        return this.#check(node, this.run(node.value));
      case "match":
        return generateMatch(this, node);
      case "try":
        return generateTry(this, node);
      case "step":
        return generateStep(this, node);
      case "context":
        return generateContext(this, node);
      case "meta":
        return generateMeta(this, node);
      case "for":
        return generateFor(this, node);
      case "dotimes":
        return generateDotimes(this, node);
    }
  }

  #runs(nodes: readonly Node[]): readonly Run[] {
    return nodes.map((node) => this.run(node));
  }

  #constant(value: Value): Run {
    return () => value;
  }

  #set(slot: number, value: Run): Run {
    return (frame) => (frame[slot] = value(frame));
  }

  #local({ depth, binding, span }: Extract<Node, { op: "local" }>): Run {
    const { slot, isLate, name } = binding;
    if (isLate) return this.#lateLocal(depth, slot, () => this.#unset(name, span));
    if (depth === 0) return (frame) => frame[slot] as Value;
    if (depth === 1) return (frame) => (frame[0] as Frame)[slot] as Value;
    if (depth === 2) return (frame) => ((frame[0] as Frame)[0] as Frame)[slot] as Value;
    return (frame) => outer(frame, depth)[slot] as Value;
  }

  #lateLocal(depth: number, slot: number, unset: () => never): Run {
    return (frame) => {
      const value = outer(frame, depth)[slot];
      return value === undefined ? unset() : (value as Value);
    };
  }

  #unset(name: string, span: SourceSpan): never {
    this.machine.at = span;
    const message = `\`${name}\` is used before it is defined`;
    throw new RtfsError("UndefinedSymbol", message, { symbol: name });
  }

  #global(box: CellBox, name: string, span: SourceSpan): Run {
    return () => {
      const { value } = box;
      return value === undefined ? this.#unset(name, span) : value;
    };
  }

  #argument(index: number, span: SourceSpan): Run {
    if (index < 0) {
      const all = new Vector(this.args);
      return () => all;
    }
    const value = this.args[index];
    if (value !== undefined) return () => value;
    return () => {
      this.machine.at = span;
      const message = `\`arg${index}\` is not given: the program got ${this.args.length} arguments`;
      throw new RtfsError("UndefinedSymbol", message, { symbol: `arg${index}` });
    };
  }

  #function(node: CodeNode): Run {
    const code = this.code(node);
    return (frame) => new Closure(code, frame);
  }

  code(node: CodeNode): Code {
    const { name, scope, arity, restSlot } = node;
    const code: Code = {
      name,
      arity,
      restSlot,
      exactArity: restSlot === 0 ? arity : -1,
      slots: scope.slots,
      isReusable: !scope.isCaptured && restSlot === 0,
      body: () => null,
    };
    const around = this.current;
    this.current = code;
    const steps = node.prologue.map((each) => this.run(each));
    const body = this.run(node.body);
    this.current = around;
    code.body = steps.length === 0 ? body : this.#do([...steps, body]);
    return code;
  }

  #vector(items: readonly Run[]): Run {
    const { machine } = this;
    return (frame) => {
      if ((machine.fuel -= 1 + items.length) < 0) machine.refuel();
      return new Vector(evaluateAll(items, frame));
    };
  }

  #map({ entries, form }: Extract<Node, { op: "map" }>): Run {
    const { machine } = this;
    const keys = entries.map(([key]) => key);
    const runs = entries.map(([, value]) => this.run(value));
    return (frame) => {
      if ((machine.fuel -= 1 + keys.length) < 0) machine.refuel();
      const values = new Map<MapKey, Value>();
      for (let index = 0; index < keys.length; index++)
        values.set(keys[index]!, runs[index]!(frame));
      const map = new MapValue(values);
      machine.onMapLiteral?.(map, form);
      return map;
    };
  }

  #if(test: Run, then: Run, otherwise: Run): Run {
    return (frame) => {
      const value = test(frame);
      return value !== false && value !== null ? then(frame) : otherwise(frame);
    };
  }

  #do(runs: readonly Run[]): Run {
    if (runs.length === 2) {
      const [first, second] = runs as readonly [Run, Run];
      return (frame) => {
        first(frame);
        return second(frame);
      };
    }
    const last = runs.length - 1;
    const tail = runs[last]!;
    return (frame) => {
      for (let index = 0; index < last; index++) runs[index]!(frame);
      return tail(frame);
    };
  }

  #logic(isAnd: boolean, runs: readonly Run[]): Run {
    const last = runs.length - 1;
    const tail = runs[last]!;
    return (frame) => {
      for (let index = 0; index < last; index++) {
        const value = runs[index]!(frame);
        if ((value === false || value === null) === isAnd) return value;
      }
      return tail(frame);
    };
  }

  #define({ cells, value: node }: Extract<Node, { op: "define" }>): Run {
    const boxes = cells.map(({ index }) => this.boxes[index]!);
    const run = this.run(node);
    return (frame) => {
      const value = run(frame);
      for (const box of boxes) box.value = value;
      return value;
    };
  }

  #check({ type, what, span }: Extract<Node, { op: "check" }>, run: Run): Run {
    return (frame) => {
      const value = run(frame);
      checkType(this.machine, type, { value, what, span });
      return value;
    };
  }
}

function outer(frame: Frame, depth: number): Frame {
  let at = frame;
  for (let left = depth; left > 0; left--) at = at[0] as Frame;
  return at;
}
