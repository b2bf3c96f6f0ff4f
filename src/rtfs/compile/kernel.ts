/**
 * Loops over integers, written a second time for numbers only.
 *
 * Read in this order: Kernel.loop, Kernel.turn, Kernel.integer. The fast loop runs while every turn
 * is arithmetic on safe integers: its variables are plain doubles, fuel is a local number, and
 * nothing is called. Any turn that is more (the last one, an overflow, a branch that calls, fuel at
 * its end) is given up before it has done anything, with its fuel, and the general loop after the
 * fast one does it. So the two cannot differ in what they mean.
 *
 * @module
 */
import type { Global, Ir, IrCall, Lambda, Variable } from "../ir/ir.ts";
import { fittingCallee } from "../ir/facts.ts";
import { knownTarget } from "../ir/tail-calls.ts";
import type { Type } from "../types/type.ts";
import { nameOf, type Unit } from "./unit.ts";

/** A name whose value is an integer while the fast loop runs. */
type Name = Variable | Global;

/** How deep calls of small functions are written out, and how many in one loop. */
const NESTING_MAX = 4;
const WRITTEN_OUT_MAX = 32;
const ARITHMETIC = new Set(["+", "-", "*"]);
const COMPARISON: ReadonlyMap<string, string> = new Map([
  ["<", "<"],
  [">", ">"],
  ["<=", "<="],
  [">=", ">="],
  ["=", "==="],
]);
/** Library functions of one integer that cost a unit, as conditions. */
const TESTS: ReadonlyMap<string, (name: string) => string> = new Map([
  ["even?", (name) => `${name}%2===0`],
  ["odd?", (name) => `${name}%2!==0`],
  ["zero?", (name) => `${name}===0`],
  ["pos?", (name) => `${name}>0`],
  ["neg?", (name) => `${name}<0`],
]);

/** Raised inside this file: the node is nothing for the fast loop. */
class NotArithmetic extends Error {}
/** One for all: where it is raised is of no interest, and a trace of the stack costs. */
const NOT_ARITHMETIC = new NotArithmetic();

/** The text of a fast loop that stands before the general one; empty when there is none to write. */
export function writeKernel(unit: Unit, lambda: Lambda, depth: string): string {
  return attempt(() => new Kernel(unit).loop(lambda, depth));
}

export type Turns = Pick<Extract<Ir, { op: "dotimes" }>, "block" | "variable" | "body"> & {
  /** Names of the index, of the count, and of the value of the last turn. */
  readonly index: string;
  readonly count: string;
  readonly value: string;
  readonly depth: string;
};

/** The same for turns that are counted. */
export function writeCountedKernel(unit: Unit, turns: Turns): string {
  return attempt(() => new Kernel(unit).counted(turns));
}

function attempt(write: () => string): string {
  try {
    return write();
  } catch (error) {
    if (error instanceof NotArithmetic) return "";
    throw error;
  }
}

class Kernel {
  readonly #unit: Unit;
  readonly #label: string;
  readonly #declared: string[] = [];
  /** What each integer name is called in the fast loop. */
  readonly #names = new Map<Name, string>();
  /** Names that must hold integers when the loop starts. */
  readonly #guarded: Name[] = [];
  /** Parameters that only count up or down: integers of 32 bits, or the loop is left. */
  #counters: ReadonlySet<Name> = new Set();
  /** Texts whose values are integers of 32 bits: a sum of two of them is safe unchecked. */
  readonly #small = new Set<string>();
  /** Variables of a turn, and of the loop. */
  readonly #own = new Set<Variable>();
  #lines: string[] = [];
  /** Calls of functions that are written out, around the node being written; at most so far. */
  #nesting = 0;
  #nestingMost = 0;
  #writtenOut = 0;
  #jumps = 0;
  #site = 0;

  constructor(unit: Unit) {
    this.#unit = unit;
    this.#label = unit.fresh("L");
  }

  /** @throws {NotArithmetic} when no turn would be fast. */
  loop(lambda: Lambda, depth: string): string {
    if (lambda.rest !== null) throw NOT_ARITHMETIC;
    for (const variable of lambda.block.variables) this.#own.add(variable);
    const changes = parameterChanges(lambda);
    const changed = [...changes.keys()];
    this.#counters = new Set(
      changed.filter((param) => changes.get(param)!.every((arg) => isCount(arg, param))),
    );
    for (const param of changed) this.#guard(param);
    for (const param of lambda.params) this.#own.delete(param);
    const turn = this.#captured(() => this.#turn(lambda.body, lambda));
    if (this.#jumps === 0) throw NOT_ARITHMETIC;
    const back = changed.map((param) => `${nameOf(param)}=${this.#names.get(param)!};`).join("");
    return this.#text(this.#depthTest(depth), turn, back);
  }

  counted({ block, body, variable, index, count, value, depth }: Turns): string {
    for (const own of block.variables) this.#own.add(own);
    const name = this.#fresh();
    this.#names.set(variable, name);
    this.#small.add(name);
    const result = this.#fresh();
    const turn = this.#captured(() => {
      this.#line(`if(!(${name}<n))${this.#giveUp()}`);
      this.#line(`${result}=${this.#value(body)};${name}=${name}+1|0;`);
    });
    const back = `${index}=${name};if(${name}>0)${value}=${result};`;
    const start = `${name}=0;n=${count}|0;`;
    this.#declared.push("n");
    const test = `typeof ${count}==="number"&&${count}>=0&&${count}<=2147483647&&${this.#depthTest(depth)}`;
    return this.#text(test, turn, back, start);
  }

  /** The calls that are written out are not too deep. */
  #depthTest(depth: string): string {
    return `${depth}+${this.#nestingMost}<=${this.#unit.options.depthMax}`;
  }

  #text(guard: string, turn: string, back: string, start = ""): string {
    const tests = this.#guarded.map((name) => {
      const isInteger = `Number.isSafeInteger(${spelled(name)})`;
      const isSmall = `(${spelled(name)}|0)===${spelled(name)}`;
      return this.#counters.has(name) ? `${isInteger}&&${isSmall}` : isInteger;
    });
    const values = this.#guarded.map((name) => {
      const value = this.#counters.has(name) ? `${spelled(name)}|0` : `+${spelled(name)}`;
      return `${this.#names.get(name)!}=${value};`;
    });
    const names = this.#declared.length === 0 ? "" : `,${this.#declared.join(",")}`;
    return [
      `if(${[guard, ...tests].join("&&")}){`,
      // Fuel in hand is an integer of 32 bits; said so, it costs nothing measurable.
      `let f=M.fuel|0,b=f${names};${values.join("")}${start}`,
      // Given up with the fuel it began with: the general loop pays for the turn again.
      `${this.#label}:for(;;){b=f;${this.#pay()}`,
      turn,
      `}${back}${this.#jumps === 0 ? "" : `if(b!==M.fuel)M.site=${this.#site};`}M.fuel=b;`,
      "}",
    ].join("\n");
  }

  /** A unit of fuel. */
  #pay(): string {
    return `f=f-1|0;if(f<0)${this.#giveUp()}`;
  }

  #giveUp(): string {
    return `break ${this.#label};`;
  }

  #fresh(letter = "w"): string {
    const name = `${letter}${this.#unit.fresh("t").slice(1)}`;
    this.#declared.push(name);
    return name;
  }

  #line(text: string): void {
    this.#lines.push(text);
  }

  #captured(write: () => void): string {
    const around = this.#lines;
    this.#lines = [];
    write();
    const text = this.#lines.join("\n");
    this.#lines = around;
    return text;
  }

  #guard(name: Name): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const fresh = this.#fresh();
    this.#names.set(name, fresh);
    this.#guarded.push(name);
    if (this.#counters.has(name)) this.#small.add(fresh);
    return fresh;
  }

  /** A turn up to its jump. Whatever does not end in a jump is given up. */
  #turn(node: Ir, lambda: Lambda): void {
    if (node.op === "if") {
      const test = this.#condition(node.test);
      const then = this.#captured(() => this.#branch(node.then, lambda));
      const otherwise = this.#captured(() => this.#branch(node.otherwise, lambda));
      this.#line(`if(${test}){\n${then}\n}else{\n${otherwise}\n}`);
      return;
    }
    if (node.op === "do" && node.nodes.length > 0) {
      for (const each of node.nodes.slice(0, -1)) this.#binding(each);
      this.#turn(node.nodes.at(-1)!, lambda);
      return;
    }
    if (node.op !== "call" || !node.isTail || knownTarget(node) !== lambda) throw NOT_ARITHMETIC;
    this.#jump(node, lambda);
  }

  #branch(node: Ir, lambda: Lambda): void {
    const jumps = this.#jumps;
    try {
      const text = this.#captured(() => this.#turn(node, lambda));
      this.#line(text);
    } catch (error) {
      if (!(error instanceof NotArithmetic)) throw error;
      this.#jumps = jumps;
      this.#line(this.#giveUp());
    }
  }

  #jump(node: IrCall, lambda: Lambda): void {
    const { args } = node;
    if (args.length !== lambda.params.length) throw NOT_ARITHMETIC;
    const changes = lambda.params.flatMap((param, at) => {
      const arg = args[at]!;
      if (isSame(arg, param)) return [];
      const name = this.#names.get(param)!;
      return [{ name, text: this.#counters.has(param) ? this.#count(arg) : this.#integer(arg) }];
    });
    const kept = changes.map(({ name, text }, at) => {
      const isLast = at === changes.length - 1;
      return { name, text: isLast || text.startsWith("t") ? text : this.#kept(text) };
    });
    this.#line(
      kept
        .map(({ name, text }) => `${name}=${text};`)
        .toReversed()
        .join(""),
    );
    this.#site = this.#unit.site(node.span);
    this.#jumps++;
    this.#line(`continue ${this.#label};`);
  }

  #kept(text: string): string {
    const name = this.#fresh("t");
    this.#line(`${name}=${text};`);
    return name;
  }

  #binding(node: Ir): void {
    if (node.op === "check") {
      this.#integer(node);
      return;
    }
    if (node.op !== "set" || !this.#own.has(node.variable)) throw NOT_ARITHMETIC;
    const text = this.#integer(node.value);
    this.#names.set(node.variable, this.#kept(text));
  }

  /** A name or a number that is a safe integer; what it takes is written first. */
  #integer(node: Ir): string {
    switch (node.op) {
      case "const":
        if (!Number.isSafeInteger(node.value)) throw NOT_ARITHMETIC;
        return this.#unit.constant(node.value);
      case "local": {
        const { variable, isChecked } = node;
        if (isChecked || (this.#own.has(variable) && !this.#names.has(variable))) {
          throw NOT_ARITHMETIC;
        }
        return this.#guard(variable);
      }
      case "global":
        if (node.isChecked) throw NOT_ARITHMETIC;
        return this.#guard(node.global);
      case "call":
        return this.#called(node, (body) => this.#integer(body)) ?? this.#operator(node);
      case "if":
        return this.#choice(node);
      case "do":
        return this.#value(node);
      case "check":
        if (!fitsInteger(node.type.type)) throw NOT_ARITHMETIC;
        return this.#integer(node.value);
      case "builtin":
      case "argument":
      case "and":
      case "or":
      case "set":
      case "bind":
      case "define":
      case "fn":
      case "inline":
      case "host-call":
      case "context":
      case "meta":
      case "vector":
      case "map":
      case "match":
      case "try":
      case "step":
      case "for":
      case "dotimes":
        throw NOT_ARITHMETIC;
    }
  }

  #choice({ test, then, otherwise }: Extract<Ir, { op: "if" }>): string {
    const condition = this.#condition(test);
    const name = this.#fresh("t");
    const yes = this.#captured(() => this.#line(`${name}=${this.#integer(then)};`));
    const no = this.#captured(() => this.#line(`${name}=${this.#integer(otherwise)};`));
    this.#line(`if(${condition}){${yes}}else{${no}}`);
    return name;
  }

  /** The body of a small function in place of a call of it; null when it is no such call. */
  #called(node: IrCall, write: (body: Ir) => string): string | null {
    const lambda = fittingCallee(node.callee, node.args.length);
    if (lambda === null) return null;
    const isPlain = lambda.rest === null && !lambda.isLoop && !isCheckedName(node.callee);
    const isFew = this.#nesting < NESTING_MAX && this.#writtenOut++ < WRITTEN_OUT_MAX;
    if (!isPlain || !isFew) throw NOT_ARITHMETIC;
    const texts = node.args.map((arg) => this.#integer(arg));
    this.#line(this.#pay());
    for (const variable of lambda.block.variables) this.#own.add(variable);
    for (const [at, param] of lambda.params.entries()) this.#names.set(param, texts[at]!);
    this.#nesting++;
    this.#nestingMost = Math.max(this.#nestingMost, this.#nesting);
    const text = write(lambda.body);
    this.#nesting--;
    return text;
  }

  #operator({ callee, args, isNamed }: IrCall): string {
    if (callee.op !== "builtin" || !isNamed) throw NOT_ARITHMETIC;
    const { name } = callee;
    const isStep = args.length === 1 && (name === "inc" || name === "dec");
    if (!isStep && args.length !== 2) throw NOT_ARITHMETIC;
    const a = this.#integer(args[0]!);
    const b = isStep ? "1" : this.#integer(args[1]!);
    const operator = isStep ? { inc: "+", dec: "-" }[name as "inc" | "dec"] : name;
    if (operator === "mod") {
      if (!/^[1-9]/.test(b)) this.#line(`if(${b}===0)${this.#giveUp()}`);
      // Both turn -0 into the integer 0.
      if (!this.#isSmall(a) || !this.#isSmall(b)) return this.#kept(`${a}%${b}+0`);
      const rest = this.#kept(`${a}%${b}|0`);
      this.#small.add(rest);
      return rest;
    }
    if (!ARITHMETIC.has(operator)) throw NOT_ARITHMETIC;
    const result = this.#kept(`${a}${operator}${b}${operator === "*" ? "+0" : ""}`);
    const isSafe = operator !== "*" && this.#isSmall(a) && this.#isSmall(b);
    if (!isSafe) this.#line(`if(Math.abs(${result})>9007199254740991)${this.#giveUp()}`);
    return result;
  }

  #isSmall(text: string): boolean {
    const number = Number(text.replaceAll(/[()]/g, ""));
    return this.#small.has(text) || (number | 0) === number;
  }

  /** A counter's next value. */
  #count(node: Ir): string {
    const { callee, args } = node as IrCall;
    const { name } = callee as Extract<Ir, { op: "builtin" }>;
    const operator = name === "inc" ? "+" : name === "dec" ? "-" : name;
    const step = args.length === 1 ? "1" : this.#integer(args[1]!);
    const result = this.#kept(`${this.#integer(args[0]!)}${operator}${step}`);
    this.#line(`if((${result}|0)!==${result})${this.#giveUp()}`);
    return result;
  }

  #condition(node: Ir): string {
    if (node.op === "const") return `${node.value !== null && node.value !== false}`;
    if (node.op === "and" || node.op === "or") return this.#logic(node.op === "and", node.nodes);
    if (node.op !== "call") throw NOT_ARITHMETIC;
    if (node.callee.op !== "builtin" || !node.isNamed) {
      const text = this.#called(node, (body) => this.#condition(body));
      if (text === null) throw NOT_ARITHMETIC;
      return text;
    }
    const { name } = node.callee;
    const { args } = node;
    const test = TESTS.get(name);
    if (test !== undefined && args.length === 1) {
      this.#line(this.#pay());
      return test(this.#integer(args[0]!));
    }
    if (name === "not" && args.length === 1) return `!(${this.#condition(args[0]!)})`;
    const operator = COMPARISON.get(name);
    if (operator === undefined || args.length !== 2) throw NOT_ARITHMETIC;
    const a = this.#integer(args[0]!);
    return `${a}${operator}${this.#integer(args[1]!)}`;
  }

  #logic(isAnd: boolean, nodes: readonly Ir[]): string {
    const [first, ...rest] = nodes;
    const test = this.#condition(first!);
    if (rest.length === 0) return test;
    const name = this.#fresh("t");
    const more = this.#captured(() => this.#line(`${name}=${this.#logic(isAnd, rest)};`));
    this.#line(`${name}=${test};if(${isAnd ? "" : "!"}${name}){${more}}`);
    return name;
  }

  /** The value of a body with names of its own. */
  #value(node: Ir): string {
    if (node.op !== "do" || node.nodes.length === 0) return this.#integer(node);
    for (const each of node.nodes.slice(0, -1)) this.#binding(each);
    return this.#value(node.nodes.at(-1)!);
  }
}

/** Whether every integer is of a type; its check costs nothing then. */
function fitsInteger(type: Type | null): boolean {
  if (type?.kind === "optional") return fitsInteger(type.type);
  return type?.kind === "primitive" && ["int", "number", "float", "any"].includes(type.name);
}

function isCheckedName(callee: Ir): boolean {
  return (callee.op === "local" || callee.op === "global") && callee.isChecked;
}

/** How the general code spells a name. */
function spelled(name: Name): string {
  return "index" in name ? `g${name.index}` : nameOf(name);
}

function isSame(arg: Ir, param: Variable): boolean {
  return arg.op === "local" && arg.variable === param;
}

/** Whether it is the parameter and a constant more or less. */
function isCount(arg: Ir, param: Variable): boolean {
  if (arg.op !== "call" || arg.callee.op !== "builtin" || !arg.isNamed) return false;
  const [first, second] = arg.args;
  const { name } = arg.callee;
  if (first === undefined || !isSame(first, param)) return false;
  if (arg.args.length === 1) return name === "inc" || name === "dec";
  const isSum = arg.args.length === 2 && (name === "+" || name === "-");
  return isSum && second!.op === "const" && Number.isSafeInteger(second.value);
}

/** Parameters that some jump changes, with what it makes of them. */
function parameterChanges(lambda: Lambda): ReadonlyMap<Variable, readonly Ir[]> {
  const changes = new Map<Variable, Ir[]>();
  const down = (node: Ir): void => {
    if (node.op === "if") {
      down(node.then);
      down(node.otherwise);
    } else if (node.op === "do" && node.nodes.length > 0) down(node.nodes.at(-1)!);
    else if (node.op === "call" && node.isTail && knownTarget(node) === lambda) {
      for (const [at, arg] of node.args.entries()) {
        const param = lambda.params[at];
        if (param === undefined || isSame(arg, param)) continue;
        const known = changes.get(param);
        if (known === undefined) changes.set(param, [arg]);
        else known.push(arg);
      }
    }
  };
  down(lambda.body);
  return changes;
}
