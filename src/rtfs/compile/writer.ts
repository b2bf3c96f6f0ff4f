/**
 * Nodes to JavaScript text: the writer of one function, and the simple nodes.
 *
 * Read in this order: Writer.statement, Writer.expression, Writer.values. Most nodes become
 * expressions; those that need statements (`try`, `match`, loops, patterns) are written before the
 * expression that uses them, and operands that must come first are put into temporaries. A target
 * says what becomes of a value. Calls live in write-call.ts, arithmetic in write-operator.ts,
 * control in write-control.ts, patterns in write-pattern.ts, functions in write-function.ts.
 *
 * @module
 */
import { isIdle } from "../ir/fold.ts";
import type { Block, Ir, Lambda } from "../ir/ir.ts";
import type { TailPlace } from "../ir/tail-calls.ts";
import { nameOf, type Unit } from "./unit.ts";
import { writeCheck } from "./write-check.ts";
import { writeCall, writeHostCall, writeTailCall } from "./write-call.ts";
import {
  writeContext,
  writeDotimes,
  writeFor,
  writeMatch,
  writeMeta,
  writeStep,
  writeTry,
} from "./write-control.ts";
import { functionText, functionValue, writeInline } from "./write-function.ts";
import { conditionOf } from "./write-operator.ts";
import { writeBind } from "./write-pattern.ts";
import {
  DROP,
  isAtom,
  isTailTarget,
  shapeOf,
  STATEMENTS,
  type Target,
  type Writing,
} from "./writing.ts";

export class Writer implements Writing {
  readonly unit: Unit;
  place: TailPlace;
  /** Added to `d`: functions that run in place count as calls. */
  depthOffset = 0;
  /** Labels of the loops that tail calls continue, by function. */
  readonly labels: Map<number, string> = new Map();
  /** Functions whose turns have parameters of their own, copied from names with a `p`. */
  readonly kept: Set<number> = new Set();
  readonly temporaries: string[] = [];
  #lines: string[] = [];
  /** Functions declared at the start of the block being written. */
  #declared: string[] = [];

  constructor(unit: Unit, place: TailPlace) {
    this.unit = unit;
    this.place = place;
  }

  other(place: TailPlace): Writing {
    return new Writer(this.unit, place);
  }

  line(text: string): void {
    this.#lines.push(text);
  }

  /** A name for a value in the function being written. */
  temporary(): string {
    const name = this.unit.fresh("t");
    this.temporaries.push(name);
    return name;
  }

  /** The text that `write` writes, instead of writing it. */
  captured(write: () => void): string {
    const around = this.#lines;
    this.#lines = [];
    write();
    const text = this.#lines.join("\n");
    this.#lines = around;
    return text;
  }

  /** Statements with variables and functions of their own. */
  block(block: Block | null, skip: ReadonlySet<string>, write: () => void): string {
    const around = this.#declared;
    this.#declared = [];
    const body = this.captured(write);
    const names =
      block === null ? [] : block.variables.map(nameOf).filter((name) => !skip.has(name));
    const variables = names.length === 0 ? [] : [`let ${names.join(",")};`];
    const text = [...variables, ...this.#declared, body].join("\n");
    this.#declared = around;
    return text;
  }

  declare(text: string): void {
    this.#declared.push(text);
  }

  /** What a jump to the start of a function writes. */
  loopNames({ id }: Lambda, params: readonly string[]): readonly string[] {
    return this.kept.has(id) ? params.map((name) => `p${name}`) : params;
  }

  depth(more: number): string {
    const offset = this.depthOffset + more;
    return offset === 0 ? "d" : `d+${offset}`;
  }

  finish(target: Target, text: string): void {
    if (target.kind === "return") this.line(`return ${text};`);
    else if (target.kind === "assign") {
      if (text !== target.name) this.line(`${target.name}=${text};`);
    } else if (!/^\(?-?\w+\)?$/.test(text)) this.line(`${text};`);
  }

  statement(node: Ir, target: Target): void {
    switch (node.op) {
      case "if":
        return this.#if(node, target);
      case "do":
        return this.#do(node.nodes, target);
      case "and":
      case "or":
        if (isTailTarget(target) || shapeOf(node).needsStatements) {
          return this.#logic(node.op === "and", node.nodes, target);
        }
        return this.finish(target, this.expression(node));
      case "call":
        return writeTailCall(this, node, target);
      case "set":
        return this.#set(node, target);
      case "bind":
        return writeBind(this, node, target);
      case "match":
        return writeMatch(this, node, target);
      case "try":
        return writeTry(this, node, target);
      case "step":
        return writeStep(this, node, target);
      case "for":
        return writeFor(this, node, target);
      case "dotimes":
        return writeDotimes(this, node, target);
      case "inline":
        return writeInline(this, node, target);
      case "meta":
        return writeMeta(this, node, target);
      case "context":
        return writeContext(this, node, target);
      case "const":
      case "local":
      case "global":
      case "builtin":
      case "argument":
      case "define":
      case "check":
      case "fn":
      case "host-call":
      case "vector":
      case "map":
        return this.finish(target, this.expression(node));
    }
  }

  #if({ test, then, otherwise }: Extract<Ir, { op: "if" }>, target: Target): void {
    const condition = conditionOf(this, test);
    const yes = this.captured(() => this.statement(then, target));
    const no = this.captured(() => this.statement(otherwise, target));
    this.line(
      no === "" ? `if(${condition}){${yes}}` : `if(${condition}){\n${yes}\n}else{\n${no}\n}`,
    );
  }

  #do(nodes: readonly Ir[], target: Target): void {
    if (nodes.length === 0) return this.finish(target, "null");
    for (const [at, node] of nodes.entries()) {
      this.statement(node, at === nodes.length - 1 ? target : DROP);
    }
  }

  #logic(isAnd: boolean, nodes: readonly Ir[], target: Target): void {
    const [first, ...rest] = nodes;
    if (rest.length === 0) return this.statement(first!, target);
    const name = this.temporary();
    this.statement(first!, { kind: "assign", name, isTail: false });
    const isFalsy = `${name}===false||${name}===null`;
    const more = this.captured(() => this.#logic(isAnd, rest, target));
    const done = this.captured(() => this.finish(target, name));
    const [yes, no] = isAnd ? [done, more] : [more, done];
    this.line(`if(${isFalsy}){\n${yes}\n}else{\n${no}\n}`);
  }

  #set(node: Extract<Ir, { op: "set" }>, target: Target): void {
    const { variable, value } = node;
    const isUnread = variable.reads === 0 && target.kind === "drop";
    if (isUnread && isIdle(value)) return;
    if (value.op === "fn" && isUnread) {
      if (value.lambda.isNamed) this.declare(functionText(this, value.lambda));
      return;
    }
    const name = nameOf(variable);
    this.statement(value, { kind: "assign", name, isTail: false });
    this.finish(target, name);
  }

  /** The text of an expression; statements it needs are written first. */
  expression(node: Ir): string {
    const { needsStatements, height } = shapeOf(node);
    if (!needsStatements) return this.#plain(node);
    if (STATEMENTS.has(node.op) || isBranching(node)) {
      const name = this.temporary();
      this.statement(node, { kind: "assign", name, isTail: false });
      return name;
    }
    const text = this.#plain(node);
    return height === 0 ? this.spilled(text) : text;
  }

  /** The value in a temporary, as of now. */
  spilled(text: string): string {
    const name = this.temporary();
    this.line(`${name}=${text};`);
    return name;
  }

  /** A name of the value, which is made now. */
  named(text: string): string {
    return isAtom(text) && !/^[\d(]/.test(text) ? text : this.spilled(text);
  }

  /** Texts of values that are made in order. */
  values(nodes: readonly Ir[]): readonly string[] {
    let last = nodes.length - 1;
    while (last >= 0 && !shapeOf(nodes[last]!).needsStatements) last--;
    return nodes.map((node, at) => {
      const text = this.expression(node);
      return at < last && !isStable(node) ? this.spilled(text) : text;
    });
  }

  #plain(node: Ir): string {
    const { unit } = this;
    switch (node.op) {
      case "const":
        return unit.constant(node.value);
      case "local": {
        const name = nameOf(node.variable);
        return node.isChecked ? this.#checked(name, node.variable.name, node) : name;
      }
      case "global": {
        const name = `g${node.global.index}`;
        return node.isChecked ? this.#checked(name, node.global.name, node) : name;
      }
      case "builtin":
        return unit.pooled(unit.options.builtins.get(node.name)!);
      case "argument":
        return this.#argument(node);
      case "fn":
        return functionValue(this, node.lambda);
      case "call":
        return writeCall(this, node);
      case "host-call":
        return writeHostCall(this, node);
      case "vector":
        return this.#vector(node.items);
      case "map":
        return this.#map(node);
      case "set":
        return `(${nameOf(node.variable)}=${this.expression(node.value)})`;
      case "define": {
        const names = node.globals.map(({ index }) => `g${index}=`);
        return `(${names.join("")}${this.expression(node.value)})`;
      }
      case "check":
        return writeCheck(this, node);
      case "do":
        return this.#comma(node.nodes);
      case "if":
      case "and":
      case "or":
      case "bind":
      case "inline":
      case "context":
      case "meta":
      case "match":
      case "try":
      case "step":
      case "for":
      case "dotimes":
        return this.#choice(node);
    }
  }

  #choice(node: Ir): string {
    if (node.op === "if") {
      const test = conditionOf(this, node.test);
      return `(${test}?${this.expression(node.then)}:${this.expression(node.otherwise)})`;
    }
    if (node.op !== "and" && node.op !== "or") throw new Error(`No expression: ${node.op}`);
    const last = node.nodes.length - 1;
    let text = this.expression(node.nodes[last]!);
    for (let at = last - 1; at >= 0; at--) {
      const name = this.temporary();
      const test = `(${name}=${this.expression(node.nodes[at]!)})===false||${name}===null`;
      text = node.op === "and" ? `(${test}?${name}:${text})` : `(${test}?${text}:${name})`;
    }
    return text;
  }

  /** A sequence in one expression. */
  #comma(nodes: readonly Ir[]): string {
    if (nodes.length === 0) return "null";
    return `(${nodes.map((node) => this.expression(node)).join(",")})`;
  }

  #checked(
    name: string,
    spelled: string,
    { span }: Extract<Ir, { op: "local" | "global" }>,
  ): string {
    const { unit } = this;
    return `(${name}===undefined?unset(${unit.pooled(spelled)},${unit.site(span)}):${name})`;
  }

  #argument({ index, span }: Extract<Ir, { op: "argument" }>): string {
    const { unit } = this;
    const { args } = unit.options;
    if (index < 0) return unit.pooled(ALL_ARGUMENTS);
    const value = args[index];
    if (value !== undefined) return unit.constant(value);
    return `noArgument(${index},${args.length},${unit.site(span)})`;
  }

  #vector(items: readonly Ir[]): string {
    const pay = `(M.fuel-=${1 + items.length})<0&&M.refuel()`;
    if (items.some((item) => shapeOf(item).needsStatements)) this.line(`${pay};`);
    else return `(${pay},new Vec([${this.values(items).join(",")}]))`;
    return `new Vec([${this.values(items).join(",")}])`;
  }

  #map({ entries, form }: Extract<Ir, { op: "map" }>): string {
    const { unit } = this;
    const pay = `(M.fuel-=${1 + entries.length})<0&&M.refuel()`;
    const keys = unit.pooled(entries.map(([key]) => key));
    const parts = entries.map(([, value]) => value);
    const needsStatements = parts.some((part) => shapeOf(part).needsStatements);
    if (needsStatements) this.line(`${pay};`);
    const isRecord =
      entries.length <= 16 && new Set(entries.map(([key]) => key)).size === entries.length;
    const made = `${isRecord ? "record" : "map"}(${keys},[${this.values(parts).join(",")}])`;
    const map = unit.options.reportsMaps ? `reported(${made},${unit.pooled(form)})` : made;
    return needsStatements ? map : `(${pay},${map})`;
  }
}

/** The pool's entry that stands for the vector of all arguments. */
export const ALL_ARGUMENTS: unique symbol = Symbol("arguments");

function isBranching({ op }: Ir): boolean {
  return op === "if" || op === "and" || op === "or" || op === "do";
}

/** Its value is the same whenever it is read, and reading it does nothing. */
function isStable(node: Ir): boolean {
  if (node.op === "const" || node.op === "builtin") return true;
  if (node.op === "global") return node.global.lambda !== null && !node.isChecked;
  return node.op === "local" && !node.isChecked;
}
