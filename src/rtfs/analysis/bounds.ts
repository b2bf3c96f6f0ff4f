/**
 * `^{:effects […] :capabilities […]}`: what an author says that code does at most.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import { type Diagnostic, diagnostic } from "../diagnostic.ts";
import { type EffectDeclaration, readDeclaration } from "../effects/declare.ts";
import type { Form } from "../syntax/form.ts";
import { Keyword } from "../values/value.ts";
import type { Node } from "./node.ts";

export type AnnotationNode = Extract<Node, { op: "meta" }>;

export interface EffectBound {
  /** Null: not said. */
  readonly effects: EffectDeclaration | null;
  /** Ids without a keyword's colon. Null: not said. */
  readonly capabilities: readonly string[] | null;
  readonly span: SourceSpan;
}

/** Most ids of one annotation. */
const CAPABILITIES_MAX = 256;

/** The bound an annotation sets; null when it sets none. */
export function readBound(node: AnnotationNode): Result<EffectBound | null, Diagnostic> {
  const effectsForm = entryOf(node, "effects");
  const idsForm = entryOf(node, "capabilities");
  if (effectsForm === null && idsForm === null) return ok(null);
  const effects = effectsForm === null ? ok(null) : readDeclaration(effectsForm);
  if (!effects.ok) return effects;
  const capabilities = idsForm === null ? ok(null) : readIds(idsForm);
  if (!capabilities.ok) return capabilities;
  return ok({ effects: effects.value, capabilities: capabilities.value, span: node.span });
}

function entryOf({ entries }: AnnotationNode, name: string): Form | null {
  const entry = entries.find(([key]) => key instanceof Keyword && key.name === name);
  return entry?.[1] ?? null;
}

function readIds(form: Form): Result<readonly string[], Diagnostic> {
  const items = form.kind === "vector" ? form.items : [];
  if (form.kind !== "vector" || items.length > CAPABILITIES_MAX) {
    const message = `\`:capabilities\` is a vector of at most ${CAPABILITIES_MAX} ids`;
    return err(diagnostic(form.span, message, { hint: "[:ccos.echo :ccos.io.log]" }));
  }
  const ids: string[] = [];
  for (const item of items) {
    const id = item.kind === "keyword" ? item.name : item.kind === "string" ? item.value : "";
    if (id === "") return err(diagnostic(item.span, "A capability id is a keyword or a string"));
    ids.push(id);
  }
  return ok(ids);
}
