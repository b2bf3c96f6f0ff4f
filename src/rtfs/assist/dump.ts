/**
 * Forms and nodes as indented text, for people who want to see what the reader and the analyser made.
 *
 * @module
 */
import type { Program } from "../program.ts";
import type { Form } from "../syntax/form.ts";
import { printValue } from "../values/print.ts";
import type { Value } from "../values/value.ts";

/** Longest dump, lines. What is left out is said. */
const LINES_MAX = 2_000;
const DEPTH_MAX = 200;

class Dump {
  readonly lines: string[] = [];

  add(depth: number, text: string): void {
    if (this.lines.length < LINES_MAX) this.lines.push(`${"  ".repeat(depth)}${text}`);
    else if (this.lines.length === LINES_MAX) this.lines.push("… (cut)");
  }
}

/** One line for each form: kind, content, place. */
export function dumpForms(forms: readonly Form[]): string {
  const dump = new Dump();
  for (const form of forms) dumpForm(form, 0, dump);
  return dump.lines.join("\n");
}

function dumpForm(form: Form, depth: number, dump: Dump): void {
  const place = `${form.span.line}:${form.span.column}`;
  if (depth > DEPTH_MAX) return dump.add(depth, "…");
  if (form.kind === "list" || form.kind === "vector") {
    dump.add(depth, `${form.kind} ${place}`);
    for (const item of form.items) dumpForm(item, depth + 1, dump);
  } else if (form.kind === "map") {
    dump.add(depth, `map ${place}`);
    for (const { key, value } of form.entries) {
      dumpForm(key, depth + 1, dump);
      dumpForm(value, depth + 2, dump);
    }
  } else dump.add(depth, `${form.kind} ${atomText(form)} ${place}`.replace("  ", " "));
}

function atomText(form: Form): string {
  if ("name" in form) return form.name;
  if ("text" in form) return form.text;
  return "value" in form ? JSON.stringify(String(form.value)).slice(0, 200) : "";
}

/**
 * What the engines run: one line for each node with its plain fields.
 *
 * @param last - Only the nodes of so many forms at the end.
 */
export function dumpProgram({ analysed }: Program, last: number): string {
  const dump = new Dump();
  for (const node of analysed.nodes.slice(-last)) dumpNode("", node, 0, dump);
  return dump.lines.join("\n");
}

/** Fields that lead out of the tree or repeat it. */
const SKIPPED = new Set(["op", "span", "scope", "form", "parent", "type", "cells"]);

function dumpNode(label: string, node: object, depth: number, dump: Dump): void {
  if (depth > DEPTH_MAX) return dump.add(depth, "…");
  const own = Object.entries(node).filter(([key]) => !SKIPPED.has(key));
  const plain: string[] = [];
  const nested: (readonly [string, object])[] = [];
  for (const [key, value] of own) {
    if (isReference(key, value)) plain.push(`${key}=${(value as { name: string }).name}`);
    else if (key === "value" && isConstant(node)) plain.push(printed(value as Value));
    else if (typeof value === "object" && value !== null) nested.push([key, value as object]);
    else plain.push(`${key}=${String(value)}`);
  }
  const op = "op" in node ? String(node.op) : Array.isArray(node) ? "" : "·";
  const head = [label === "" ? "" : `${label}:`, op, ...plain].filter((each) => each !== "");
  if (head.length > 0) dump.add(depth, head.join(" "));
  for (const [key, value] of nested) {
    if (Array.isArray(value)) {
      for (const item of value) {
        if (typeof item === "object" && item !== null)
          dumpNode(key, item as object, depth + 1, dump);
      }
    } else dumpNode(key, value, depth + 1, dump);
  }
}

function isReference(key: string, value: unknown): boolean {
  return (key === "binding" || key === "cell") && typeof value === "object" && value !== null;
}

function isConstant(node: object): boolean {
  return "op" in node && node.op === "const";
}

function printed(value: Value): string {
  return printValue(value).slice(0, 200);
}
