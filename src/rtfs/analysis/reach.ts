/**
 * Which steps can run which function.
 *
 * A context is a step's name, or null outside any step. A function has the contexts of the places
 * that call it by name, of the functions that call it, and all contexts once it is used as a value
 * that anything may call. Contexts only grow, so what is uncertain is attributed to more places,
 * never to fewer.
 *
 * @module
 */
import type { CodeNode } from "./node.ts";

export type StepContext = string | null;

/** `code` null: top level. `step` null: outside any step written in `code`. */
export interface Place {
  readonly code: CodeNode | null;
  readonly step: StepContext;
}

export class Reach {
  readonly #contexts = new Map<CodeNode, Set<StepContext>>();
  readonly #callees = new Map<CodeNode, Set<CodeNode>>();
  readonly #escaped = new Set<CodeNode>();

  /** `target` is called by name at `place`. */
  calls(place: Place, target: CodeNode): void {
    if (place.code === null || place.step !== null) {
      this.#setOf(this.#contexts, target).add(place.step);
    } else this.#setOf(this.#callees, place.code).add(target);
  }

  /** `target` became a value. */
  escapes(target: CodeNode): void {
    this.#escaped.add(target);
  }

  #setOf<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
    const known = map.get(key);
    if (known !== undefined) return known;
    const fresh = new Set<V>();
    map.set(key, fresh);
    return fresh;
  }

  /** Spread contexts along the calls until nothing changes. Call once, after the last fact. */
  settle(allContexts: readonly StepContext[]): void {
    for (const code of this.#escaped) this.#contexts.set(code, new Set(allContexts));
    const waiting = [...this.#contexts.keys()];
    for (let code = waiting.pop(); code !== undefined; code = waiting.pop()) {
      const contexts = this.#contexts.get(code)!;
      for (const callee of this.#callees.get(code) ?? []) {
        const target = this.#setOf(this.#contexts, callee);
        const before = target.size;
        for (const context of contexts) target.add(context);
        if (target.size > before) waiting.push(callee);
      }
    }
  }

  /** The contexts a place runs in. Empty: nothing reaches it. */
  contextsOf({ code, step }: Place): readonly StepContext[] {
    if (code === null || step !== null) return [step];
    return [...(this.#contexts.get(code) ?? [])];
  }
}
