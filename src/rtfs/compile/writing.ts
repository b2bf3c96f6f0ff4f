/**
 * What the parts of the writer share: targets, the shape of nodes, and the writer as they see it.
 *
 * @module
 */
import type { Block, Ir, Lambda } from "../ir/ir.ts";
import { eachPart } from "../ir/parts.ts";
import type { TailPlace } from "../ir/tail-calls.ts";
import type { Unit } from "./unit.ts";

/** What becomes of a value. `isTail`: nothing more happens in the function whose value it is. */
export type Target =
  | { readonly kind: "drop" }
  | { readonly kind: "assign"; readonly name: string; readonly isTail: boolean }
  | { readonly kind: "return" };

export const DROP: Target = { kind: "drop" };

/** How deep an expression may nest before a part of it becomes a statement of its own. */
const HEIGHT_MAX = 40;

interface Shape {
  readonly height: number;
  readonly needsStatements: boolean;
}

/** A node as the writer sees it: with what it found out, as it asks again and again. */
interface Noted {
  readonly op: Ir["op"];
  shape?: Shape;
}

const LEAF: Shape = { height: 1, needsStatements: false };
const STATEMENT: Shape = { height: 1, needsStatements: true };
export const STATEMENTS = new Set<Ir["op"]>([
  "try",
  "match",
  "step",
  "for",
  "dotimes",
  "inline",
  "bind",
  "meta",
  "context",
]);

const LEAVES = new Set<Ir["op"]>(["const", "local", "global", "builtin", "argument", "fn"]);

/** Whether a node cannot be written as one expression, and how deep it would nest. */
export function shapeOf(node: Ir): Shape {
  if (LEAVES.has(node.op)) return LEAF;
  if (STATEMENTS.has(node.op)) return STATEMENT;
  const noted: Noted = node;
  if (noted.shape !== undefined) return noted.shape;
  let height = 0;
  let needsStatements = false;
  eachPart(node, (part) => {
    const shape = shapeOf(part);
    height = Math.max(height, shape.height);
    needsStatements ||= shape.needsStatements;
  });
  const isCut = height >= HEIGHT_MAX;
  noted.shape = { height: isCut ? 0 : height + 1, needsStatements: needsStatements || isCut };
  return noted.shape;
}

export function isTailTarget(target: Target): boolean {
  return target.kind === "return" || (target.kind === "assign" && target.isTail);
}

/** A name that is written once, or a small number: may be read later and twice. */
export function isAtom(text: string): boolean {
  return /^(?:[a-fh-z]\w*|\d+|\(-\d+\))$/.test(text);
}

/** The writer of one function. */
export interface Writing {
  readonly unit: Unit;
  place: TailPlace;
  /** Added to `d`: functions that run in place count as calls. */
  depthOffset: number;
  /** Labels of the loops that tail calls continue, by function. */
  readonly labels: Map<number, string>;
  /** Functions whose turns have parameters of their own, copied from names with a `p`. */
  readonly kept: Set<number>;
  readonly temporaries: readonly string[];
  /** A writer for another function. */
  other(place: TailPlace): Writing;
  line(text: string): void;
  temporary(): string;
  captured(write: () => void): string;
  block(block: Block | null, skip: ReadonlySet<string>, write: () => void): string;
  declare(text: string): void;
  loopNames(lambda: Lambda, params: readonly string[]): readonly string[];
  depth(more: number): string;
  finish(target: Target, text: string): void;
  statement(node: Ir, target: Target): void;
  expression(node: Ir): string;
  spilled(text: string): string;
  named(text: string): string;
  values(nodes: readonly Ir[]): readonly string[];
}
