/**
 * What embeds a program puts between it and a host: the security level, released resources, and a
 * context that steps scope.
 *
 * @module
 */
import type { Host } from "./eval/machine.ts";
import { RtfsError } from "./values/rtfs-error.ts";
import { ResourceHandle, type Value } from "./values/value.ts";

/** What `with-resource` calls with its handle when its body is over. */
export const RELEASE = "ccos.resource.release";

/** What a program may call: nothing, what is listed, everything. */
export type SecurityLevel = "pure" | "controlled" | "full";

export interface GuardOptions {
  readonly level: SecurityLevel;
  /** Capability ids for `controlled`; without meaning at the other levels. */
  readonly allow?: readonly string[];
}

/**
 * A host that refuses calls before they reach `inner`, by level and when an argument is a released
 * resource. Steps and the context pass through.
 *
 * A refusal is a SecurityViolation with `operation`, `capability` and `context` (the level), which
 * a program can catch.
 */
export function guardedHost(inner: Host, { level, allow = [] }: GuardOptions): Host {
  const allowed = new Set(allow);
  const released = new Set<string>();
  return {
    call(capability, args, metadata) {
      const isAllowed = level === "full" || (level === "controlled" && allowed.has(capability));
      if (!isAllowed) throw refusal(level, capability);
      const handles = args.filter((arg) => arg instanceof ResourceHandle);
      const gone = handles.find(({ text }) => released.has(text));
      if (gone !== undefined) throw releasedError(gone);
      const value = inner.call(capability, args, metadata);
      if (capability === RELEASE) for (const { text } of handles) released.add(text);
      return value;
    },
    step: (event, name) => inner.step(event, name),
    context: (key) => inner.context?.(key),
    contextSet(key, value) {
      if (inner.contextSet === undefined) throw noContext(key);
      inner.contextSet(key, value);
    },
  };
}

function refusal(level: SecurityLevel, capability: string): RtfsError {
  const shown = capability.slice(0, 80).toWellFormed();
  const why = level === "pure" ? "calls nothing" : "calls only what it is allowed";
  return new RtfsError("SecurityViolation", `A ${level} program ${why}, not "${shown}"`, {
    operation: "call",
    capability,
    context: level,
  });
}

function releasedError({ text }: ResourceHandle): RtfsError {
  const message = `${text.slice(0, 80).toWellFormed()} was released`;
  return new RtfsError("ResourceError", message, { "resource-type": "handle" });
}

/** Why `context/set` fails. */
export function noContext(key: string): RtfsError {
  const message = `There is no host that keeps the context key "${key.slice(0, 80).toWellFormed()}"`;
  return new RtfsError("SecurityViolation", message, {
    operation: "context/set",
    capability: null,
    context: key,
  });
}

/** The context of a run for hosts to keep: a key set in a step is gone when the step ends. */
export class ScopedContext {
  /** The plan's own, then one for each step under way. */
  readonly #scopes: Map<string, Value>[];

  /** @param given - What the plan starts with. */
  constructor(given: ReadonlyMap<string, Value> = new Map()) {
    this.#scopes = [new Map(given)];
  }

  step(event: "enter" | "leave" | "fail"): void {
    if (event === "enter") this.#scopes.push(new Map());
    else if (this.#scopes.length > 1) this.#scopes.pop();
  }

  /** From the innermost step that has it; undefined: none has. */
  get(key: string): Value | undefined {
    return this.#scopes.findLast((scope) => scope.has(key))?.get(key);
  }

  set(key: string, value: Value): void {
    this.#scopes.at(-1)!.set(key, value);
  }
}
