/**
 * `match`, `try`, `step`, `for`, `dotimes`.
 *
 * `try` sees errors of the language only. What is no matter of the program (a broken channel, a
 * defect) and exhausted fuel pass through it, and `finally` does not run for them.
 *
 * @module
 */
import type { Ir, Variable } from "../ir/ir.ts";
import { writtenIn } from "../ir/written.ts";
import { writeCountedKernel } from "./kernel.ts";
import { nameOf } from "./unit.ts";
import { writeMatcher } from "./write-pattern.ts";
import { conditionOf } from "./write-operator.ts";
import { DROP, type Target, type Writing } from "./writing.ts";

type Of<Op extends Ir["op"]> = Extract<Ir, { op: Op }>;

export function writeMatch(writer: Writing, node: Of<"match">, target: Target): void {
  const label = writer.unit.fresh("L");
  const value = writer.named(writer.expression(node.subject));
  const body = writer.captured(() => {
    for (const { pattern, guard, body: result } of node.clauses) {
      const test = writeMatcher(writer, pattern, value);
      const inside = writer.captured(() => {
        const chosen = writer.captured(() => {
          writer.statement(result, target);
          if (target.kind !== "return") writer.line(`break ${label};`);
        });
        if (guard === null) writer.line(chosen);
        else writer.line(`if(${conditionOf(writer, guard)}){\n${chosen}\n}`);
      });
      writer.line(test === "true" ? `{\n${inside}\n}` : `if(${test}){\n${inside}\n}`);
    }
    writer.line(`noMatch(${value},${writer.unit.site(node.span)});`);
  });
  writer.line(`${label}:{\n${body}\n}`);
}

/** Where a value goes from inside a `try`: nothing there is in tail position. */
function unfinished(target: Target): Target {
  return target.kind === "assign" ? { ...target, isTail: false } : target;
}

export function writeTry(writer: Writing, node: Of<"try">, target: Target): void {
  const { finalizer } = node;
  if (finalizer === null) return writeHandlers(writer, node, unfinished(target));
  const value = writer.temporary();
  const failure = writer.temporary();
  const inner = writer.captured(() =>
    writeHandlers(writer, node, { kind: "assign", name: value, isTail: false }),
  );
  writer.line(`${failure}=null;try{\n${inner}\n}catch(e){${failure}=caught(e);}`);
  writer.statement(finalizer, DROP);
  writer.line(`if(${failure}!==null)throw ${failure};`);
  writer.finish(target, value);
}

function writeHandlers(writer: Writing, { body, catches }: Of<"try">, target: Target): void {
  if (catches.length === 0) return writer.statement(body, target);
  const { unit } = writer;
  const error = writer.temporary();
  const inner = writer.captured(() => writer.statement(body, target));
  const handlers = writer.captured(() => {
    let open = 0;
    for (const { type, variable, body: handler } of catches) {
      const write = (): void => {
        writer.line(`${nameOf(variable)}=${error}.toValue();`);
        writer.statement(handler, target);
      };
      if (type === null) {
        write();
        writer.line("}".repeat(open));
        return;
      }
      writer.line(`if(accepts(${error},${unit.pooled(type)})){\n${writer.captured(write)}\n}else{`);
      open++;
    }
    writer.line(`throw ${error};${"}".repeat(open)}`);
  });
  writer.line(`try{\n${inner}\n}catch(e){${error}=caught(e);\n${handlers}\n}`);
}

export function writeStep(writer: Writing, node: Of<"step">, target: Target): void {
  const { unit } = writer;
  const name = unit.pooled(node.name);
  if (node.params !== null) {
    writer.statement(node.params, {
      kind: "assign",
      name: nameOf(node.paramsVariable!),
      isTail: false,
    });
  }
  writer.line(`enterStep(${name},${unit.site(node.span)});`);
  const value = writer.temporary();
  const body = writer.captured(() =>
    writer.statement(node.body, { kind: "assign", name: value, isTail: false }),
  );
  writer.line(`try{\n${body}\n}catch(e){throw failStep(e,${name});}\nleaveStep(${name});`);
  writer.finish(target, value);
}

/** A value of the host's context. */
export function writeContext(writer: Writing, node: Of<"context">, target: Target): void {
  const { unit } = writer;
  const value = writer.spilled(`context(${unit.pooled(node.key)},${unit.site(node.span)})`);
  const absent = writer.captured(() =>
    writer.statement(node.fallback, { kind: "assign", name: value, isTail: false }),
  );
  writer.line(`if(${value}===undefined){\n${absent}\n}`);
  writer.finish(target, value);
}

/** Metadata of an outer form stays unless the inner one has the same name. */
export function writeMeta(writer: Writing, node: Of<"meta">, target: Target): void {
  const { unit } = writer;
  const metadata = writer.spilled("new Map(M.metadata)");
  for (const [name, value] of node.runtime) {
    writer.line(`${metadata}.set(${unit.pooled(name)},${writer.expression(value)});`);
  }
  const around = writer.spilled("M.metadata");
  writer.line(`M.metadata=${metadata};`);
  const body = writer.captured(() => writer.statement(node.body, target));
  writer.line(`try{\n${body}\n}finally{M.metadata=${around};}`);
}

export function writeDotimes(writer: Writing, node: Of<"dotimes">, target: Target): void {
  const { unit } = writer;
  const count = writer.spilled(`integer(${writer.expression(node.count)},${unit.site(node.span)})`);
  const index = writer.temporary();
  const isUsed = target.kind !== "drop";
  const value = writer.temporary();
  writer.line(`${index}=0;${value}=null;`);
  const kernel = writeCountedKernel(unit, { ...node, index, count, value, depth: writer.depth(0) });
  if (kernel !== "") writer.line(kernel);
  const body = writer.block(node.block, new Set(), () => {
    writer.line(`${nameOf(node.variable)}=${index};`);
    writer.statement(node.body, isUsed ? { kind: "assign", name: value, isTail: false } : DROP);
  });
  const pay = "if(--M.fuel<0)M.refuel();";
  writer.line(`for(;${index}<${count};${index}++){${pay}\n${body}\n}`);
  if (isUsed) writer.finish(target, value);
}

export function writeFor(writer: Writing, node: Of<"for">, target: Target): void {
  const results = writer.spilled("[]");
  writeTurns(writer, node, 0, results);
  writer.finish(target, `new Vec(${results})`);
}

/** One loop and those inside it. What a later source binds belongs to the turn it stands in. */
function writeTurns(writer: Writing, node: Of<"for">, level: number, results: string): void {
  const { loops, body, block, span } = node;
  const loop = loops[level];
  if (loop === undefined) {
    writer.line(`gather(${results},${writer.expression(body)});`);
    return;
  }
  const owned = level === 0 ? sourceVariables(node, loop.source) : [];
  if (owned.length > 0) writer.declare(`let ${owned.map(nameOf).join(",")};`);
  const source = writer.expression(loop.source);
  const items = writer.spilled(`turnsOf(${source},${writer.unit.site(span)})`);
  const next = loops[level + 1];
  const variables = next === undefined ? bodyVariables(node) : sourceVariables(node, next.source);
  const turn = writer.block({ owner: block.owner, variables: [...variables] }, new Set(), () => {
    writeTurns(writer, node, level + 1, results);
  });
  const name = nameOf(loop.variable);
  writer.line(`for(const ${name} of ${items}){if(--M.fuel<0)M.refuel();\n${turn}\n}`);
}

/** What a source binds in the block of the loops. */
function sourceVariables({ block }: Of<"for">, source: Ir): readonly Variable[] {
  return [...writtenIn(source)].filter((variable) => variable.block === block);
}

/** What the body binds: all variables of the block but those of loops and sources. */
function bodyVariables(node: Of<"for">): readonly Variable[] {
  const others = new Set(
    node.loops.flatMap(({ variable, source }) => [variable, ...sourceVariables(node, source)]),
  );
  return node.block.variables.filter((variable) => !others.has(variable));
}
