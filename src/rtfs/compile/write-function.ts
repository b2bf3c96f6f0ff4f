/**
 * Functions: their text, their values, and functions that run in place of their one call.
 *
 * A function that calls itself in tail position is a loop around its body. When it makes functions
 * that may keep its variables, each turn has variables of its own.
 *
 * @module
 */
import type { Ir, Lambda, Variable } from "../ir/ir.ts";
import { eachPart } from "../ir/parts.ts";
import { homePlace, inlinePlace } from "../ir/tail-calls.ts";
import { writeKernel } from "./kernel.ts";
import { codeName, nameOf } from "./unit.ts";
import { isTailTarget, type Target, type Writing } from "./writing.ts";

/** All parameters, the rest parameter last. */
export function parametersOf({ params, rest }: Lambda): readonly Variable[] {
  return rest === null ? params : [...params, rest];
}

/** A function value. Its text stands here, or at the start of the block when it has a name. */
export function functionValue(writer: Writing, lambda: Lambda): string {
  const { unit } = writer;
  const text = functionText(writer, lambda);
  if (lambda.isNamed) writer.declare(text);
  const code = lambda.isNamed ? codeName(lambda) : text;
  const arity = lambda.rest === null ? lambda.params.length : -1;
  return `new Fn(${unit.pooled(lambda.name)},${arity},${lambda.params.length},${code})`;
}

/** The text of a function with code of its own. */
export function functionText(around: Writing, lambda: Lambda): string {
  const { unit } = around;
  const writer = around.other(homePlace(lambda));
  const params = parametersOf(lambda).map(nameOf);
  const guard = `if((--M.fuel|(${unit.options.depthMax}-d))<0)M.stop(d);`;
  if (!lambda.isLoop) {
    const body = writer.block(lambda.block, new Set(params), () =>
      writer.statement(lambda.body, { kind: "return" }),
    );
    return header(lambda, params, [guard, temporariesOf(writer), body]);
  }
  const label = unit.fresh("L");
  writer.labels.set(lambda.id, label);
  const isKept = makesFunctions(lambda.body);
  const outer = isKept ? params.map((name) => `p${name}`) : params;
  if (isKept) writer.kept.add(lambda.id);
  const turn = writer.block(lambda.block, new Set(params), () =>
    writer.statement(lambda.body, { kind: "return" }),
  );
  const loop = `${label}:for(;;){${guard}${copies(params, outer)}\n${turn}\n}`;
  const kernel = isKept ? "" : writeKernel(unit, lambda, "d");
  return header(lambda, outer, [temporariesOf(writer), kernel, loop]);
}

function header(lambda: Lambda, params: readonly string[], parts: readonly string[]): string {
  return `function ${codeName(lambda)}(${[...params, "d"].join(",")}){\n${parts.join("\n")}\n}`;
}

export function temporariesOf({ temporaries }: Writing): string {
  return temporaries.length === 0 ? "" : `let ${temporaries.join(",")};`;
}

/** A turn's own parameters. */
function copies(params: readonly string[], outer: readonly string[]): string {
  if (params.length === 0 || params[0] === outer[0]) return "";
  return `let ${params.map((name, at) => `${name}=${outer[at]}`).join(",")};`;
}

/** Whether functions are made in the code of a function. */
function makesFunctions(node: Ir): boolean {
  if (node.op === "fn") return true;
  let found = false;
  eachPart(node, (part) => {
    found ||= makesFunctions(part);
  });
  return found;
}

/** A function that runs in place of a call: its parameters become variables of a block. */
export function writeInline(
  writer: Writing,
  node: Extract<Ir, { op: "inline" }>,
  target: Target,
): void {
  const { unit } = writer;
  const { lambda, args } = node;
  const texts = writer.values(args);
  const isTail = isTailTarget(target) && node.isTail;
  const params = parametersOf(lambda).map(nameOf);
  const outer = params.map((name) => `p${name}`);
  const site = unit.site(node.span);
  const label = unit.fresh("L");
  writer.labels.set(lambda.id, label);
  const isKept = lambda.isLoop && makesFunctions(lambda.body);
  if (isKept) writer.kept.add(lambda.id);
  const { place, depthOffset } = writer;
  writer.place = inlinePlace(place, lambda, isTail);
  if (!isTail || !writer.place.isReturn) writer.depthOffset++;
  const depth = writer.depth(0);
  const inner: Target =
    target.kind === "assign" ? { ...target, isTail: true } : inPlace(writer, target);
  const guard = `if((--M.fuel|(${unit.options.depthMax}-(${depth})))<0)M.stop(${depth});`;
  const names = isKept ? outer : params;
  const start =
    params.length === 0 ? "" : `let ${names.map((name, at) => `${name}=${texts[at]}`).join(",")};`;
  const body = writer.block(lambda.block, new Set(params), () =>
    writer.statement(lambda.body, inner),
  );
  const turn = `${guard}${isKept ? copies(params, outer) : ""}\n${body}`;
  const code = lambda.isLoop ? `${label}:for(;;){${turn}\nbreak;\n}` : turn;
  const kernel = lambda.isLoop && !isKept ? writeKernel(unit, lambda, depth) : "";
  writer.line(`{${start}M.site=${site};\n${kernel}\n${code}\n}`);
  writer.place = place;
  writer.depthOffset = depthOffset;
}

/** Where an inlined body's value goes: its own loop must be left in any case. */
function inPlace(writer: Writing, target: Target): Target {
  if (target.kind === "return") return target;
  return { kind: "assign", name: writer.temporary(), isTail: true };
}
