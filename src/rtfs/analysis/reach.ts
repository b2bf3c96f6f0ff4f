/**
 * Which steps can run which function.
 *
 * A context is a step's name, or null outside any step. A function has the contexts of the places
 * that call it and of the functions that call it. A set of functions that a value may be is a
 * function itself, which calls them all (`within`). Contexts only grow.
 *
 * @module
 */
export type StepContext = string | null;

/** `code` null: top level. `step` null: outside any step written in `code`. */
export interface Place {
  /** Identity of the function around. */
  readonly code: object | null;
  readonly step: StepContext;
}

export class Reach {
  readonly #contexts = new Map<object, Set<StepContext>>();
  readonly #callees = new Map<object, Set<object>>();

  /** `target` is called at `place`. */
  calls(place: Place, target: object): void {
    if (place.code === null || place.step !== null) {
      this.#setOf(this.#contexts, target).add(place.step);
    } else this.#setOf(this.#callees, place.code).add(target);
  }

  /** Whoever calls `of` calls `target`. */
  within(of: object, target: object): void {
    this.#setOf(this.#callees, of).add(target);
  }

  #setOf<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
    const known = map.get(key);
    if (known !== undefined) return known;
    const fresh = new Set<V>();
    map.set(key, fresh);
    return fresh;
  }

  /** Spread contexts along the calls until nothing changes. Call once, after the last fact. */
  settle(): void {
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
