/**
 * Arithmetic and comparison of two operands in line.
 *
 * The fast path is for integers of 32 bits, whose sums and differences are always exact; everything
 * else goes to values/numbers.ts. A constant on the right saves a call. These operators cost no
 * fuel: a program cannot loop without calls.
 *
 * @module
 */
import type { Node } from "../analysis/node.ts";
import { equalValues } from "../values/equality.ts";
import {
  add,
  compareNumbers,
  divide,
  isNumber,
  modulo,
  multiply,
  subtract,
} from "../values/numbers.ts";
import { typeError } from "../values/rtfs-error.ts";
import { kindOf } from "../values/kind-of.ts";
import { compareText } from "../values/equality.ts";
import type { Meter } from "../values/meter.ts";
import type { Value } from "../values/value.ts";
import type { Generation } from "./generation.ts";
import type { Run } from "./machine.ts";

type CallNode = Extract<Node, { op: "call" }>;
type Binary = (left: Run, right: Run, place: () => void) => Run;

/** The closure for `(name a b)`; null when the name or the number of operands is another. */
export function generateOperator(generator: Generation, name: string, node: CallNode): Run | null {
  const { machine } = generator;
  const { span } = node;
  const [a, b] = node.args;
  const place = (): void => {
    machine.at = span;
  };
  if (a === undefined) return null;
  if (node.args.length === 1) {
    if (name === "not") return not(generator.run(a));
    if (name === "inc") return addConstant(generator.run(a), 1, place);
    return name === "dec" ? addConstant(generator.run(a), -1, place) : null;
  }
  if (node.args.length !== 2 || b === undefined) return null;
  const constant = smallInteger(b);
  if (constant !== null) {
    const withConstant = CONSTANT_RIGHT.get(name);
    const onLocal = CONSTANT_ON_LOCAL.get(name);
    if (onLocal !== undefined && isPlainLocal(a)) return onLocal(a.binding.slot, constant, place);
    if (withConstant !== undefined) return withConstant(generator.run(a), constant, place);
  }
  if (name === "=") return equal(machine.meter, generator.run(a), generator.run(b));
  return BINARY.get(name)?.(generator.run(a), generator.run(b), place) ?? null;
}

/** A constant whose sums with 32-bit integers stay exact. */
function smallInteger(node: Node): number | null {
  const isSmall =
    node.op === "const" && typeof node.value === "number" && (node.value | 0) === node.value;
  return isSmall ? (node.value as number) : null;
}

/** A slot of the current frame that is always written before it is read. */
function isPlainLocal(node: Node): node is Extract<Node, { op: "local" }> {
  return node.op === "local" && node.depth === 0 && !node.binding.isLate;
}

function not(run: Run): Run {
  return (frame) => {
    const value = run(frame);
    return value === false || value === null;
  };
}

function addConstant(run: Run, constant: number, place: () => void): Run {
  return (frame) => {
    const value = run(frame);
    if (typeof value === "number" && (value | 0) === value) return value + constant;
    place();
    return add(value, constant);
  };
}

function subtractConstant(run: Run, constant: number, place: () => void): Run {
  return (frame) => {
    const value = run(frame);
    if (typeof value === "number" && (value | 0) === value) return value - constant;
    place();
    return subtract(value, constant);
  };
}

function plus(left: Run, right: Run, place: () => void): Run {
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (typeof a === "number" && typeof b === "number" && (a | 0) === a && (b | 0) === b)
      return a + b;
    place();
    return add(a, b);
  };
}

function minus(left: Run, right: Run, place: () => void): Run {
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (typeof a === "number" && typeof b === "number" && (a | 0) === a && (b | 0) === b)
      return a - b;
    place();
    return subtract(a, b);
  };
}

/** Operators whose fast path is not worth a shape of its own. */
function general(compute: (a: Value, b: Value) => Value): Binary {
  return (left, right, place) => (frame) => {
    const a = left(frame);
    const b = right(frame);
    place();
    return compute(a, b);
  };
}

function less(left: Run, right: Run, place: () => void): Run {
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (typeof a === "number" && typeof b === "number") return a < b;
    place();
    return compareOrdered("<", a, b) < 0;
  };
}

function greater(left: Run, right: Run, place: () => void): Run {
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    if (typeof a === "number" && typeof b === "number") return a > b;
    place();
    return compareOrdered(">", a, b) > 0;
  };
}

function equal(meter: Meter, left: Run, right: Run): Run {
  return (frame) => {
    const a = left(frame);
    const b = right(frame);
    return a === b || equalValues(a, b, meter);
  };
}

function lessThanConstant(run: Run, constant: number, place: () => void): Run {
  return (frame) => {
    const value = run(frame);
    if (typeof value === "number") return value < constant;
    place();
    return compareOrdered("<", value, constant) < 0;
  };
}

function equalsConstant(run: Run, constant: number): Run {
  return (frame) => run(frame) === constant;
}

/**
 * Order of two numbers or two strings; NaN when one is NaN.
 *
 * @throws {RtfsError} TypeError for anything else.
 */
export function compareOrdered(operation: string, a: Value, b: Value): number {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  const isFirst = !isNumber(a) && typeof a !== "string";
  throw typeError("two numbers or two strings", kindOf(isFirst ? a : b), operation);
}

const BINARY: ReadonlyMap<string, Binary> = new Map<string, Binary>([
  ["+", plus],
  ["-", minus],
  ["*", general(multiply)],
  ["/", general(divide)],
  ["mod", general(modulo)],
  ["<", less],
  [">", greater],
  ["<=", general((a, b) => compareOrdered("<=", a, b) <= 0)],
  [">=", general((a, b) => compareOrdered(">=", a, b) >= 0)],
]);

type WithConstant = (run: Run, constant: number, place: () => void) => Run;

const CONSTANT_RIGHT: ReadonlyMap<string, WithConstant> = new Map<string, WithConstant>([
  ["+", addConstant],
  ["-", subtractConstant],
  ["<", lessThanConstant],
  ["=", equalsConstant],
]);

type OnLocal = (slot: number, constant: number, place: () => void) => Run;

/** The most common shapes, `(< n 2)` and `(- n 1)`, without a call for the operand. */
const CONSTANT_ON_LOCAL: ReadonlyMap<string, OnLocal> = new Map<string, OnLocal>([
  [
    "+",
    (slot, constant, place) => (frame) => {
      const value = frame[slot] as Value;
      if (typeof value === "number" && (value | 0) === value) return value + constant;
      place();
      return add(value, constant);
    },
  ],
  [
    "-",
    (slot, constant, place) => (frame) => {
      const value = frame[slot] as Value;
      if (typeof value === "number" && (value | 0) === value) return value - constant;
      place();
      return subtract(value, constant);
    },
  ],
  [
    "<",
    (slot, constant, place) => (frame) => {
      const value = frame[slot] as Value;
      if (typeof value === "number") return value < constant;
      place();
      return compareOrdered("<", value, constant) < 0;
    },
  ],
  ["=", (slot, constant) => (frame) => frame[slot] === constant],
]);
