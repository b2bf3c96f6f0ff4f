/**
 * The intermediate form: names resolved to slots, sugar gone, every node with what its back end
 * needs.
 *
 * A scope is one frame at run time: a function call, a loop turn, or the program. A slot is a place
 * in a frame. `depth` counts frames outwards. The evaluator turns nodes into closures; outline.ts
 * walks the same nodes, so what is judged before a run and what runs cannot differ.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Form, MapForm } from "../syntax/form.ts";
import type { TypeValidator } from "../types/compile-type.ts";
import type { MapKey, Value } from "../values/value.ts";

/** A local name. */
export interface Binding {
  readonly name: string;
  readonly scope: Scope;
  readonly slot: number;
  /** The slot may be read before it is written: such a read is checked. */
  readonly isLate: boolean;
  /** What it is bound to, once known; null for parameters and parts of patterns. */
  value: Node | null;
}

export interface Scope {
  readonly parent: Scope | null;
  /** Slots so far; slot 0 holds the parent frame. */
  slots: number;
}

/** A top-level name. Redefinition makes a new cell; who read the old one keeps it. */
export interface Cell {
  readonly name: string;
  readonly index: number;
  /** From the embedding, not from the program. */
  readonly isExternal: boolean;
  /** Values given by `def`; more than one only for conditional definitions. */
  readonly values: Node[];
  isDefined: boolean;
}

export interface CodeNode {
  readonly name: string;
  readonly scope: Scope;
  /** Parameters without the rest parameter; they stand in slots 1…. */
  readonly arity: number;
  /** Slot of the rest parameter; 0: none. */
  readonly restSlot: number;
  /** Patterns and type checks, run before the body. */
  readonly prologue: readonly Node[];
  readonly body: Node;
}

export type Pattern =
  | { readonly kind: "any" }
  | { readonly kind: "bind"; readonly slot: number; readonly type: TypeValidator | null }
  | { readonly kind: "literal"; readonly value: Value }
  | {
      readonly kind: "vector";
      readonly items: readonly Pattern[];
      readonly rest: Pattern | null;
      readonly whole: Pattern | null;
    }
  | {
      readonly kind: "map";
      readonly entries: readonly MapPatternEntry[];
      readonly rest: Pattern | null;
      readonly whole: Pattern | null;
    }
  | { readonly kind: "as"; readonly slot: number; readonly pattern: Pattern }
  | { readonly kind: "typed"; readonly type: TypeValidator; readonly pattern: Pattern };

export interface MapPatternEntry {
  readonly key: MapKey;
  readonly pattern: Pattern;
  /** Evaluated when the key is absent. */
  readonly fallback: Node | null;
}

export interface MatchClause {
  readonly pattern: Pattern;
  readonly guard: Node | null;
  readonly body: Node;
}

export interface CatchClause {
  /** Null: catches everything. A symbol's name, or a keyword's name with a colon before it. */
  readonly type: string | null;
  readonly slot: number;
  readonly body: Node;
}

interface At {
  readonly span: SourceSpan;
}

export type Node =
  | { readonly op: "const"; readonly value: Value }
  | ({ readonly op: "local"; readonly depth: number; readonly binding: Binding } & At)
  | ({ readonly op: "global"; readonly cell: Cell } & At)
  | ({ readonly op: "builtin"; readonly name: string } & At)
  | ({ readonly op: "argument" /** -1: the vector of all. */; readonly index: number } & At)
  | { readonly op: "if"; readonly test: Node; readonly then: Node; readonly otherwise: Node }
  | { readonly op: "do"; readonly nodes: readonly Node[] }
  | { readonly op: "and" | "or"; readonly nodes: readonly Node[] }
  | { readonly op: "set"; readonly slot: number; readonly value: Node }
  | ({ readonly op: "bind"; readonly pattern: Pattern; readonly value: Node } & At)
  | { readonly op: "define"; readonly cells: readonly Cell[]; readonly value: Node }
  | ({
      readonly op: "check";
      readonly type: TypeValidator;
      readonly value: Node;
      readonly what: string;
    } & At)
  | { readonly op: "fn"; readonly code: CodeNode }
  | ({
      readonly op: "call";
      readonly callee: Node;
      readonly args: readonly Node[];
      readonly isTail: boolean;
    } & At)
  | ({ readonly op: "host-call"; readonly args: readonly Node[] } & At)
  | { readonly op: "vector"; readonly items: readonly Node[] }
  | {
      readonly op: "map";
      readonly entries: readonly (readonly [MapKey, Node])[];
      readonly form: MapForm;
    }
  | ({
      readonly op: "match";
      readonly subject: Node;
      readonly clauses: readonly MatchClause[];
    } & At)
  | {
      readonly op: "try";
      readonly body: Node;
      readonly catches: readonly CatchClause[];
      readonly finalizer: Node | null;
    }
  | {
      readonly op: "step";
      readonly name: string;
      readonly span: SourceSpan;
      /** Slot of `%params`; 0: none. */
      readonly paramsSlot: number;
      readonly params: Node | null;
      readonly body: Node;
    }
  | ({
      readonly op: "context" /** From the host; absent: the fallback, else nil. */;
      readonly key: string;
      readonly fallback: Node | null;
    } & At)
  | ({
      readonly op: "meta";
      /** What is written, for judging before a run. */
      readonly entries: readonly (readonly [MapKey, Form])[];
      /** Evaluated before the body, in order, and attached to host calls made in it. */
      readonly runtime: readonly (readonly [string, Node])[];
      readonly body: Node;
    } & At)
  | ({
      readonly op: "for";
      readonly scope: Scope;
      readonly loops: readonly ForLoop[];
      readonly body: Node;
    } & At)
  | ({
      readonly op: "dotimes";
      readonly scope: Scope;
      readonly slot: number;
      readonly count: Node;
      readonly body: Node;
    } & At);

export interface ForLoop {
  readonly slot: number;
  readonly source: Node;
}
