/**
 * Arithmetic, comparison and truth, written out.
 *
 * The short way is for integers of 32 bits, whose sums and differences are always exact; everything
 * else is left to values/numbers.ts. These operators cost no fuel: a program cannot loop without
 * calls.
 *
 * @module
 */
import type { Ir, IrCall } from "../ir/ir.ts";
import { Keyword } from "../values/value.ts";
import { typeOf } from "./static-type.ts";
import { isAtom, shapeOf, type Writing } from "./writing.ts";

interface Arithmetic {
  /** Function of the runtime for everything but the short way. */
  readonly slow: string;
  /** The short way's value, and the test that it holds; operands are integers of 32 bits. */
  readonly write: (a: string, b: string, result: string) => { test: string; value: string };
}

const ARITHMETIC: ReadonlyMap<string, Arithmetic> = new Map<string, Arithmetic>([
  ["+", { slow: "add", write: (a, b) => ({ test: "", value: `${a}+${b}` }) }],
  ["-", { slow: "sub", write: (a, b) => ({ test: "", value: `${a}-${b}` }) }],
  [
    "*",
    {
      slow: "mul",
      // + 0 turns the -0 of `0 * -1` into the integer 0.
      write: (a, b, result) => ({
        test: `(${result}=${a}*${b}+0)<=9007199254740991&&${result}>=-9007199254740991`,
        value: result,
      }),
    },
  ],
  [
    "/",
    {
      slow: "div",
      write: (a, b, result) => ({
        test: `${b}!==0&&(${result}=${a}/${b})===(${result}|0)`,
        value: `${result}|0`,
      }),
    },
  ],
  ["mod", { slow: "mod", write: (a, b) => ({ test: `${b}!==0`, value: `${a}%${b}|0` }) }],
]);

const COMPARISONS: ReadonlyMap<string, string> = new Map([
  ["<", "lt"],
  [">", "gt"],
  ["<=", "le"],
  [">=", "ge"],
]);

/** The operator a call of a library function is written as; null: it is an ordinary call. */
export function operatorOf({ callee, args, isNamed }: IrCall): string | null {
  if (callee.op !== "builtin" || !isNamed) return null;
  const { name } = callee;
  if (args.length === 1) return ["not", "inc", "dec"].includes(name) ? name : null;
  if (args.length !== 2) return null;
  return ARITHMETIC.has(name) || COMPARISONS.has(name) || name === "=" ? name : null;
}

/** The text of an operator's value. */
export function writeOperator(writer: Writing, name: string, node: IrCall): string {
  if (name === "inc" || name === "dec") {
    const [a] = writer.values(node.args) as [string];
    return arithmetic(writer, { name: name === "inc" ? "+" : "-", a, b: "1", node, step: name });
  }
  if (!ARITHMETIC.has(name)) return conditionOf(writer, node);
  const [a, b] = writer.values(node.args) as [string, string];
  return arithmetic(writer, { name, a, b, node });
}

interface Operation {
  readonly name: string;
  readonly a: string;
  readonly b: string;
  readonly node: IrCall;
  /** Of one operand: the function of the runtime for everything but the short way. */
  readonly step?: "inc" | "dec";
}

function arithmetic(writer: Writing, { name, a, b, node, step }: Operation): string {
  const { slow, write } = ARITHMETIC.get(name)!;
  const site = writer.unit.site(node.span);
  const left = operand(writer, a);
  const right = operand(writer, b);
  const needsResult = name === "*" || name === "/";
  const { test, value } = write(left.name, right.name, needsResult ? writer.temporary() : "");
  const tests = [isSmall(left.name), isSmall(right.name), test].filter((each) => each !== "");
  const otherwise =
    step === undefined
      ? `${slow}(${left.name},${right.name},${site})`
      : `${step}(${left.name},${site})`;
  if (tests.length === 0) return `(${value})`;
  return `(${left.before}${right.before}${tests.join("&&")}?${value}:${otherwise})`;
}

interface Operand {
  /** What must run first, with its comma; empty for a name or a number. */
  readonly before: string;
  readonly name: string;
}

function operand(writer: Writing, text: string): Operand {
  if (isAtom(text)) return { before: "", name: text };
  const name = writer.temporary();
  return { before: `${name}=${text},`, name };
}

/** A test that a name holds an integer of 32 bits; empty when it is such a number. */
function isSmall(name: string): string {
  const number = Number(name.replaceAll(/[()]/g, ""));
  return Number.isInteger(number) && (number | 0) === number
    ? ""
    : `typeof ${name}==="number"&&(${name}|0)===${name}`;
}

function isNumber(name: string): string {
  return /^\(?-?\d/.test(name) ? "" : `typeof ${name}==="number"`;
}

/** A JavaScript condition that holds when the value is neither nil nor false. */
export function conditionOf(writer: Writing, node: Ir): string {
  const operator = node.op === "call" ? operatorOf(node) : null;
  if (operator === null && shapeOf(node).needsStatements) {
    return truthy(writer, writer.expression(node));
  }
  if (node.op === "const") return `${node.value !== null && node.value !== false}`;
  if (node.op === "and" || node.op === "or") {
    const parts = node.nodes.map((each) => conditionOf(writer, each));
    return `(${parts.join(node.op === "and" ? "&&" : "||")})`;
  }
  if (node.op === "if") {
    const [test, then, otherwise] = [node.test, node.then, node.otherwise].map((each) =>
      conditionOf(writer, each),
    );
    return `(${test}?${then}:${otherwise})`;
  }
  if (node.op === "call" && operator !== null) {
    if (operator === "not") return `!${conditionOf(writer, node.args[0]!)}`;
    if (COMPARISONS.has(operator)) return comparison(writer, operator, node);
    if (operator === "=") return equality(writer, node);
  }
  const text = writer.expression(node);
  return typeOf(node) === "boolean" ? text : truthy(writer, text);
}

function truthy(writer: Writing, text: string): string {
  if (isAtom(text)) return `(${text}!==false&&${text}!==null)`;
  const name = writer.temporary();
  return `((${name}=${text})!==false&&${name}!==null)`;
}

function comparison(writer: Writing, name: string, node: IrCall): string {
  const [a, b] = writer.values(node.args) as [string, string];
  const left = operand(writer, a);
  const right = operand(writer, b);
  const tests = [isNumber(left.name), isNumber(right.name)].filter((each) => each !== "");
  const short = `${left.name}${name}${right.name}`;
  if (tests.length === 0) return `(${short})`;
  const slow = `${COMPARISONS.get(name)!}(${left.name},${right.name},${writer.unit.site(node.span)})`;
  return `(${left.before}${right.before}${tests.join("&&")}?${short}:${slow})`;
}

function equality(writer: Writing, { args }: IrCall): string {
  const [a, b] = writer.values(args) as [string, string];
  if (args.some(isIdentical)) return `(${a}===${b})`;
  const left = operand(writer, a);
  const right = operand(writer, b);
  return `(${left.before}${right.before}${left.name}===${right.name}||eq(${left.name},${right.name}))`;
}

/** A constant that equals only what is identical to it. */
function isIdentical(node: Ir): boolean {
  if (node.op !== "const") return false;
  const { value } = node;
  return value === null || typeof value !== "object" || value instanceof Keyword;
}
