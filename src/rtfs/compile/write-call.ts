/**
 * Calls: of functions known by name, of the library, of keywords, of the host, of any value.
 *
 * The depth goes last, and the place is noted right before it, when all arguments are made.
 *
 * @module
 */
import { fittingCallee, knownCallee } from "../ir/facts.ts";
import type { Ir, IrCall, Lambda } from "../ir/ir.ts";
import { knownTarget, tailKind } from "../ir/tail-calls.ts";
import { Keyword } from "../values/value.ts";
import { CAPABILITY_LENGTH_MAX, type Counted } from "./machine.ts";
import { codeName, nameOf } from "./unit.ts";
import { writeLibraryCall } from "./write-library.ts";
import { operatorOf, writeOperator } from "./write-operator.ts";
import { isAtom, isTailTarget, type Target, type Writing } from "./writing.ts";

/**
 * A call as an expression.
 *
 * @param deeper - 0: it takes the place of a function that runs in place.
 */
export function writeCall(writer: Writing, node: IrCall, deeper: 0 | 1 = 1): string {
  const { callee, args } = node;
  const operator = operatorOf(node);
  if (operator !== null) return writeOperator(writer, operator, node);
  if (callee.op === "builtin") return writeLibraryCall(writer, callee.name, node);
  if (callee.op === "const" && callee.value instanceof Keyword) {
    return writeKeywordCall(writer, callee.value, node);
  }
  const known = fittingCallee(callee, args.length);
  if (known === null) return unknownCall(writer, node, deeper);
  const call = knownCall(writer, node, known, deeper);
  return known.mayBounce ? settled(writer, call, deeper) : call;
}

/** A call where a statement may stand: a loop, a plain call, or one left pending. */
export function writeTailCall(writer: Writing, node: IrCall, target: Target): void {
  const kind = isTailTarget(target) ? tailKind(node, writer.place) : "none";
  if (kind === "loop") return writeJump(writer, node);
  if (kind === "none") {
    const isLast = node.isTail && isTailTarget(target);
    return writer.finish(target, isLast ? writeCall(writer, node, 0) : writer.expression(node));
  }
  const known = fittingCallee(node.callee, node.args.length);
  if (kind === "direct") return writer.line(`return ${knownCall(writer, node, known!, 0)};`);
  if (known !== null) return writePending(writer, node, known);
  const [callee, ...args] = writer.values([node.callee, ...node.args]);
  const site = writer.unit.site(node.span);
  writer.line(`return tail(${callee},[${args.join(",")}],${writer.depth(0)},${site});`);
}

/** Arguments of a known function: the rest of them in a list. */
function argumentsOf(lambda: Lambda, texts: readonly string[]): readonly string[] {
  if (lambda.rest === null) return texts;
  const count = lambda.params.length;
  return [...texts.slice(0, count), `new Lst([${texts.slice(count).join(",")}])`];
}

/** The check of a name that may still be empty, with its comma. */
function checkOf(writer: Writing, callee: Ir): string {
  if ((callee.op !== "local" && callee.op !== "global") || !callee.isChecked) return "";
  return `${writer.expression(callee)},`;
}

function knownCall(writer: Writing, node: IrCall, lambda: Lambda, deeper: 0 | 1): string {
  const check = checkOf(writer, node.callee);
  const args = argumentsOf(lambda, writer.values(node.args));
  const site = writer.unit.site(node.span);
  const last = `(M.site=${site},${writer.depth(deeper)})`;
  const call = `${codeName(lambda)}(${[...args, last].join(",")})`;
  return check === "" ? call : `(${check}${call})`;
}

function settled(writer: Writing, call: string, deeper: number): string {
  const name = writer.temporary();
  return `((${name}=${call})===TAIL?settle(${name},${writer.depth(deeper)}):${name})`;
}

/** The place is noted by `tail`'s way too: nothing else runs before the call. */
function writePending(writer: Writing, node: IrCall, lambda: Lambda): void {
  const check = checkOf(writer, node.callee);
  if (check !== "") writer.line(`${check.slice(0, -1)};`);
  const args = argumentsOf(lambda, writer.values(node.args));
  if (args.length > 4) {
    const spilled = args.map((text) => (isAtom(text) ? text : writer.spilled(text)));
    writer.line(`M.tailRest=[${spilled.slice(4).join(",")}];`);
    for (const [at, text] of spilled.slice(0, 4).entries()) writer.line(`M.tail${at}=${text};`);
  } else {
    const texts =
      args.length < 2 ? args : args.map((text) => (isAtom(text) ? text : writer.spilled(text)));
    for (const [at, text] of texts.entries()) writer.line(`M.tail${at}=${text};`);
  }
  const site = writer.unit.site(node.span);
  writer.line(`M.tailCode=${codeName(lambda)};M.tailCount=${args.length};M.site=${site};`);
  writer.line("return TAIL;");
}

/** The function starts again with new parameters: all of them are made before one is written. */
function writeJump(writer: Writing, node: IrCall): void {
  const lambda = knownTarget(node)!;
  const params = [...lambda.params, ...(lambda.rest === null ? [] : [lambda.rest])].map(nameOf);
  const texts = argumentsOf(lambda, writer.values(node.args));
  const names = writer.loopNames(lambda, params);
  const changed = texts.flatMap((text, at) =>
    text === names[at] ? [] : [{ text, name: names[at]! }],
  );
  const spilled = changed.map(({ text, name }, at) => ({
    name,
    text: at === changed.length - 1 || /^\d+$/.test(text) ? text : writer.spilled(text),
  }));
  for (const { name, text } of spilled.toReversed()) writer.line(`${name}=${text};`);
  writer.line(`M.site=${writer.unit.site(node.span)};continue ${writer.labels.get(lambda.id)!};`);
}

function unknownCall(writer: Writing, node: IrCall, deeper: 0 | 1): string {
  const known = knownCallee(node.callee);
  const count = node.args.length;
  const site = writer.unit.site(node.span);
  const [callee, ...args] = writer.values([node.callee, ...node.args]) as [string, ...string[]];
  if (known !== null && !known.isInline) {
    // A function of another arity: the arguments are made, the call fails.
    const { name, params, rest } = known;
    const arity = rest === null ? params.length : -1;
    const counted: Counted = { name, arity, least: params.length };
    const why = `${writer.unit.pooled(counted)},${count},${site}`;
    return `(${[callee, ...args].join(",")},count(${why}))`;
  }
  if (node.callee.op === "const") {
    return `any(${callee},[${args.join(",")}],${site},${writer.depth(0)})`;
  }
  const names = [callee, ...args].map((text) => (isAtom(text) ? text : writer.temporary()));
  const before = [callee, ...args].flatMap((text, at) =>
    text === names[at] ? [] : [`${names[at]}=${text},`],
  );
  const [target, ...values] = names as [string, ...string[]];
  const result = writer.temporary();
  const last = `(M.site=${site},${writer.depth(deeper)})`;
  const call = `${target}.code(${[...values, last].join(",")})`;
  const fast = `(${result}=${call})===TAIL?settle(${result},${writer.depth(deeper)}):${result}`;
  const any = deeper === 1 ? "any" : "anyLast";
  const slow = `${any}(${target},[${values.join(",")}],${site},${writer.depth(0)})`;
  return `(${before.join("")}${target} instanceof Fn&&${target}.arity===${count}?${fast}:${slow})`;
}

function writeKeywordCall(writer: Writing, key: Keyword, node: IrCall): string {
  const { unit } = writer;
  const site = unit.site(node.span);
  const args = writer.values(node.args);
  if (args.length === 1) return `key(${args[0]},${unit.pooled(key)},${site})`;
  return `keyCall(${unit.pooled(key)},[${args.join(",")}],${site})`;
}

/** `(call id arg…)`. */
export function writeHostCall(
  writer: Writing,
  { args, span }: Extract<Ir, { op: "host-call" }>,
): string {
  const { unit } = writer;
  const site = unit.site(span);
  const capability = writtenCapability(args[0]!);
  if (capability !== null) {
    const values = writer.values(args.slice(1));
    return `effect(${unit.pooled(capability)},[${values.join(",")}],${site})`;
  }
  const [id, ...values] = writer.values(args);
  return `host(${id},[${values.join(",")}],${site})`;
}

/** The id of a capability that needs no check any more; null: it is made, or wrong. */
function writtenCapability(id: Ir): string | null {
  if (id.op !== "const") return null;
  const name = id.value instanceof Keyword ? id.value.name : id.value;
  return typeof name === "string" && name.length <= CAPABILITY_LENGTH_MAX ? name : null;
}
