import { CcosError } from "../../foundation/errors.ts";
import type { JsonObject } from "../../foundation/json.ts";
import type { Io, Parsed } from "../command.ts";
import { readSource } from "../inputs.ts";

/** The flags that say what a program may call, what answers, and how it is read. */
export const RIGHTS_OPTIONS = {
  level: { type: "string" },
  allow: { type: "string" },
  compat: { type: "string" },
  strict: { type: "boolean" },
  stubs: { type: "string" },
} as const;

export const RIGHTS_USAGE =
  "[--level pure|controlled|full] [--allow ID,…] [--compat seed] [--strict] [--stubs FILE]";

/** The fields of a request that those flags make. @throws {CcosError} for the stubs' file. */
export async function rightsOf(parsed: Parsed, io: Io): Promise<JsonObject> {
  const stubs = parsed.text("stubs");
  const allow = parsed.text("allow");
  return {
    level: parsed.text("level") ?? null,
    allow: allow === undefined ? null : allow.split(",").filter((id) => id !== ""),
    compat: parsed.text("compat") ?? null,
    strict: parsed.flag("strict"),
    stubs: stubs === undefined ? null : parseStubs(stubs, await readSource(io.cwd, stubs)),
  };
}

function parseStubs(file: string, text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "it is not JSON";
    throw new CcosError("USAGE", {
      what: `Cannot read stubs from "${file}"`,
      why,
      fix: 'Write {"id": {"returns": "<RTFS>"}}; see docs/rtfs/tools.md',
    });
  }
}
