/**
 * Names to places: local slots, top-level cells, builtins, arguments.
 *
 * Resolution goes outwards: locals, then what the program defined before this point, then the
 * embedding's globals, then the library, then `argN`, and last a forward reference, which must be
 * defined by the end. A redefinition at top level makes a new cell, so a function keeps the value
 * it was written against; a name read before its first definition follows the latest one.
 *
 * @module
 */
import type { SourceSpan } from "../../foundation/source-span.ts";
import type { Binding, Cell, Node, Scope } from "./node.ts";

/** Names of one body; `scope` is the frame they live in. */
export interface Block {
  readonly parent: Block | null;
  readonly scope: Scope;
  readonly names: Map<string, Binding>;
}

interface Forward {
  readonly cell: Cell;
  readonly span: SourceSpan;
}

export class Names {
  readonly cells: Cell[] = [];
  readonly #current = new Map<string, Cell>();
  readonly #forward = new Map<string, Forward>();
  readonly #builtins: ReadonlySet<string>;

  constructor(builtins: ReadonlySet<string>, globals: readonly string[]) {
    this.#builtins = builtins;
    for (const name of globals) {
      const cell = this.#newCell(name, true);
      cell.isDefined = true;
      this.#current.set(name, cell);
    }
  }

  #newCell(name: string, isExternal: boolean): Cell {
    const cell: Cell = { name, index: this.cells.length, isExternal, values: [], isDefined: false };
    this.cells.push(cell);
    return cell;
  }

  resolve(name: string, block: Block, span: SourceSpan): Node {
    const binding = findLocal(name, block);
    if (binding !== null) return localNode(binding, block, span);
    const cell = this.#current.get(name);
    if (cell !== undefined) return { op: "global", cell, span };
    if (this.#builtins.has(name)) return { op: "builtin", name, span };
    const argument = /^arg(0|[1-9][0-9]?)$/.exec(name);
    if (argument !== null) return { op: "argument", index: Number(argument[1]), span };
    if (name === "args") return { op: "argument", index: -1, span };
    return { op: "global", cell: this.#forwardCell(name, span), span };
  }

  /** Whether a definition before this point, or the embedding, gives the name a value. */
  isDefined(name: string): boolean {
    return this.#current.has(name);
  }

  #forwardCell(name: string, span: SourceSpan): Cell {
    const known = this.#forward.get(name);
    if (known !== undefined) return known.cell;
    const cell = this.#newCell(name, false);
    this.#forward.set(name, { cell, span });
    return cell;
  }

  /**
   * The cells a top-level definition writes: its own and, when the name was read before, that one
   * too.
   *
   * @param isConditional - It may not run: then it writes the cell that readers already have.
   */
  define(name: string, isConditional: boolean): readonly Cell[] {
    const known = this.#current.get(name);
    const cell = known !== undefined && isConditional ? known : this.#newCell(name, false);
    cell.isDefined = true;
    this.#current.set(name, cell);
    const forward = this.#forward.get(name)?.cell;
    if (forward === undefined) return [cell];
    forward.isDefined = true;
    return [cell, forward];
  }

  /** Forward references that nothing defined. */
  unbound(): readonly { readonly name: string; readonly span: SourceSpan }[] {
    return [...this.#forward.values()]
      .filter(({ cell }) => !cell.isDefined)
      .map(({ cell, span }) => ({ name: cell.name, span }));
  }

  /** Every name in reach of `block`, for suggestions. */
  *visible(block: Block): Iterable<string> {
    yield* this.#builtins;
    for (let at: Block | null = block; at !== null; at = at.parent) yield* at.names.keys();
    yield* this.#current.keys();
  }
}

/** The innermost local of that name. */
export function findLocal(name: string, block: Block): Binding | null {
  for (let at: Block | null = block; at !== null; at = at.parent) {
    const binding = at.names.get(name);
    if (binding !== undefined) return binding;
  }
  return null;
}

/** The value of a local, read in `block`, however many frames lie between. */
export function localNode(binding: Binding, block: Block, span: SourceSpan): Node {
  let depth = 0;
  for (let scope = block.scope; scope !== binding.scope; scope = scope.parent!) depth++;
  return { op: "local", depth, binding, span };
}

export function newScope(parent: Scope | null): Scope {
  return { parent, slots: 1 };
}

export function newBlock(parent: Block | null, scope: Scope): Block {
  return { parent, scope, names: new Map() };
}

/** Bind `name` in `block`, shadowing what it meant there. */
export function bindName(block: Block, name: string, isLate = false): Binding {
  const slot = block.scope.slots++;
  const binding: Binding = { name, scope: block.scope, slot, isLate, value: null };
  block.names.set(name, binding);
  return binding;
}
