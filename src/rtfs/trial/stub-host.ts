import type { Host } from "../eval/machine.ts";
import { guardedHost, RELEASE, ScopedContext } from "../guarded-host.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import { type Value, Vector } from "../values/value.ts";
import type { Rights, Stub } from "./request.ts";

/**
 * The host of a trial: the level decides first, then the stub answers. Nothing else happens; the
 * context begins empty and lives as long as the run.
 */
export function stubHost({ level, allow, stubs }: Rights): Host {
  const context = new ScopedContext();
  const inner: Host = {
    call(capability, args) {
      const stub = stubs.get(capability);
      if (stub !== undefined) return answerOf(stub, capability, args);
      if (capability === RELEASE) return null;
      const shown = capability.slice(0, 80).toWellFormed();
      throw new RtfsError("UnknownCapability", `No stub answers for "${shown}"`, { capability });
    },
    step: (event) => context.step(event),
    context: (key) => context.get(key),
    contextSet: (key, value) => context.set(key, value),
  };
  return guardedHost(inner, { level, allow: [...allow] });
}

function answerOf(stub: Stub, capability: string, args: readonly Value[]): Value {
  switch (stub.kind) {
    case "returns":
      return stub.value;
    case "echo":
      return stub.what === "first" ? (args[0] ?? null) : new Vector([...args]);
    case "fails":
      throw new RtfsError(stub.error, `The stub of "${capability}" fails`, { capability });
  }
}
