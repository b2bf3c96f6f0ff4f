/**
 * The optimiser's form of a program: nodes whose slots became variables.
 *
 * Read in this order: Variable, Lambda, Ir. A variable is one object wherever it is read or written,
 * so a pass can copy, rename and drop code without counting frames. A block is what gets fresh
 * variables each time it is entered: the program, a call, a turn. lower.ts makes this form,
 * facts.ts fills in what the passes found, compile/ writes JavaScript from it.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { MapForm } from "../syntax/form.ts";
import type { TypeValidator } from "../types/compile-type.ts";
import type { MapKey, Value } from "../values/value.ts";

export interface Variable {
  readonly id: number;
  /** As the program spells it; for messages only. Empty until it is read. */
  name: string;
  readonly block: Block;
  /** May be read before it is written: such a read is checked. */
  isLate: boolean;
  /** Places that write it. A parameter is written by the call, which is not counted. */
  writes: number;
  /** Places that read its value; calls by name are not among them. */
  reads: number;
  /** The function it always holds, when that is certain; null otherwise. */
  lambda: Lambda | null;
}

export interface Block {
  /** The function whose code it is part of; null: the program itself. */
  readonly owner: Lambda | null;
  readonly variables: Variable[];
}

export interface Lambda {
  readonly id: number;
  /** Empty for an anonymous function. */
  readonly name: string;
  /** The function around it; null at top level. */
  readonly parent: Lambda | null;
  block: Block;
  /** Set once, by the lowering. */
  params: readonly Variable[];
  rest: Variable | null;
  body: Ir;
  /** Functions whose tail calls go round among them have one number. */
  group: number;
  /** A local name holds it, or it is called where it is made. */
  isLocal: boolean;
  /** Its code runs in place of the one call of it. */
  isInline: boolean;
  /** It calls itself in tail position. */
  isLoop: boolean;
  /** A call of it may return the mark of a pending tail call. */
  mayBounce: boolean;
  /** Somewhere it is called by name, without its value. */
  isNamed: boolean;
}

/** A top-level name. */
export interface Global {
  readonly index: number;
  readonly name: string;
  /** Its first value comes from the embedding. */
  readonly isExternal: boolean;
  /** The function it always holds once it is defined; null when that is not certain. */
  lambda: Lambda | null;
}

export type IrPattern =
  | { readonly kind: "any" }
  | { readonly kind: "bind"; readonly variable: Variable; readonly type: TypeValidator | null }
  | { readonly kind: "literal"; readonly value: Value }
  | {
      readonly kind: "vector";
      readonly items: readonly IrPattern[];
      readonly rest: IrPattern | null;
      readonly whole: IrPattern | null;
    }
  | {
      readonly kind: "map";
      readonly entries: readonly IrPatternEntry[];
      readonly rest: IrPattern | null;
      readonly whole: IrPattern | null;
    }
  | { readonly kind: "as"; readonly variable: Variable; readonly pattern: IrPattern }
  | { readonly kind: "typed"; readonly type: TypeValidator; readonly pattern: IrPattern };

export interface IrPatternEntry {
  readonly key: MapKey;
  readonly pattern: IrPattern;
  readonly fallback: Ir | null;
}

export interface IrClause {
  readonly pattern: IrPattern;
  readonly guard: Ir | null;
  readonly body: Ir;
}

export interface IrCatch {
  /** As {@link import("../analysis/node.ts").CatchClause}. */
  readonly type: string | null;
  readonly variable: Variable;
  readonly body: Ir;
}

export interface IrLoop {
  readonly variable: Variable;
  readonly source: Ir;
}

interface At {
  readonly span: SourceSpan;
}

export type IrCall = {
  readonly op: "call";
  readonly callee: Ir;
  readonly args: readonly Ir[];
  readonly isTail: boolean;
  /** The head is written as a name of the library: operators called so cost nothing. */
  readonly isNamed: boolean;
} & At;

export type Ir =
  | { readonly op: "const"; readonly value: Value }
  | ({ readonly op: "local"; readonly variable: Variable; isChecked: boolean } & At)
  | ({ readonly op: "global"; readonly global: Global; isChecked: boolean } & At)
  | ({ readonly op: "builtin"; readonly name: string } & At)
  | ({ readonly op: "argument"; readonly index: number } & At)
  | { readonly op: "if"; readonly test: Ir; readonly then: Ir; readonly otherwise: Ir }
  | { readonly op: "do"; readonly nodes: readonly Ir[] }
  | { readonly op: "and" | "or"; readonly nodes: readonly Ir[] }
  | { readonly op: "set"; readonly variable: Variable; readonly value: Ir }
  | ({ readonly op: "bind"; readonly pattern: IrPattern; readonly value: Ir } & At)
  | { readonly op: "define"; readonly globals: readonly Global[]; readonly value: Ir }
  | ({
      readonly op: "check";
      readonly type: TypeValidator;
      readonly value: Ir;
      readonly what: string;
    } & At)
  | { readonly op: "fn"; readonly lambda: Lambda }
  | IrCall
  /** A call whose function stands here and nowhere else: `lambda`'s body runs in place. */
  | ({
      readonly op: "inline";
      readonly lambda: Lambda;
      readonly args: readonly Ir[];
      readonly isTail: boolean;
    } & At)
  | ({ readonly op: "host-call"; readonly args: readonly Ir[] } & At)
  | ({ readonly op: "context"; readonly key: string; readonly fallback: Ir } & At)
  /** Metadata of the host calls made in the body. */
  | {
      readonly op: "meta";
      readonly runtime: readonly (readonly [string, Ir])[];
      readonly body: Ir;
    }
  | { readonly op: "vector"; readonly items: readonly Ir[] }
  | {
      readonly op: "map";
      readonly entries: readonly (readonly [MapKey, Ir])[];
      readonly form: MapForm;
    }
  | ({ readonly op: "match"; readonly subject: Ir; readonly clauses: readonly IrClause[] } & At)
  | {
      readonly op: "try";
      readonly body: Ir;
      readonly catches: readonly IrCatch[];
      readonly finalizer: Ir | null;
    }
  | ({
      readonly op: "step";
      readonly name: string;
      readonly paramsVariable: Variable | null;
      readonly params: Ir | null;
      readonly body: Ir;
    } & At)
  | ({
      readonly op: "for";
      readonly block: Block;
      readonly loops: readonly IrLoop[];
      readonly body: Ir;
    } & At)
  | ({
      readonly op: "dotimes";
      readonly block: Block;
      readonly variable: Variable;
      readonly count: Ir;
      readonly body: Ir;
    } & At);

export interface IrProgram {
  readonly block: Block;
  nodes: readonly Ir[];
  readonly globals: readonly Global[];
  /** Every function of the program, outer ones first. */
  readonly lambdas: readonly Lambda[];
}
