/**
 * What a trial asks: a source text, what it may call, and what answers in place of capabilities.
 *
 * A trial runs a program that has no runtime around it: no capability exists, only stubs. One JSON
 * object is one request (docs/rtfs/tools.md). What is malformed is refused with the field's name;
 * keys that mean nothing are reported, so that a misspelt one is seen.
 *
 * @module
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../../foundation/json.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import { readForms } from "../syntax/reader.ts";
import { type Form, formToValue } from "../syntax/form.ts";
import { RtfsError } from "../values/rtfs-error.ts";
import type { Value } from "../values/value.ts";
import { ModuleShelf, type ModuleText } from "./modules.ts";

/** What a caller gets back as `id`. */
export type TrialId = string | number | boolean | null;

export type Level = "pure" | "controlled" | "full";

export type Stub =
  | { readonly kind: "returns"; readonly value: Value }
  | { readonly kind: "echo"; readonly what: "first" | "all" }
  | { readonly kind: "fails"; readonly error: string };

export interface Rights {
  readonly level: Level;
  /** Capability ids that level `controlled` lets through. */
  readonly allow: ReadonlySet<string>;
  readonly stubs: ReadonlyMap<string, Stub>;
}

/** One text of a program; earlier texts define what later ones use. */
export interface TrialText {
  /** What places call it. */
  readonly file: string;
  readonly source: string;
}

export interface TrialRequest {
  readonly id: TrialId;
  /** In order; the value is that of the last form of the last text. */
  readonly texts: readonly TrialText[];
  readonly rights: Rights;
  readonly compat: "seed" | null;
  /** As `CompileOptions.strict`. */
  readonly strict: boolean;
  readonly modules: ModuleShelf;
}

export interface ParsedTrial {
  readonly request: TrialRequest;
  /** Keys that no one reads, at most 20. */
  readonly unknown: readonly string[];
}

const KEYS = new Set([
  "id",
  "source",
  "file",
  "before",
  "modules",
  "level",
  "allow",
  "compat",
  "strict",
  "stubs",
]);
const UNKNOWN_MAX = 20;
const LEVELS: readonly Level[] = ["pure", "controlled", "full"];
const ID_LENGTH_MAX = 1024;
const NAME_LENGTH_MAX = 256;

/** Why a request is refused; `message` names the field. */
export class BadRequest extends Error {}

/** The `id` of a request that may be malformed otherwise: null when there is none to give back. */
export function trialId(json: unknown): TrialId {
  const id = isJsonObject(json) ? json["id"] : undefined;
  if (typeof id === "string") return id.length <= ID_LENGTH_MAX ? id : null;
  return typeof id === "number" || typeof id === "boolean" ? id : null;
}

/** @param json - Parsed JSON of unknown shape. */
export function parseTrial(json: unknown): Result<ParsedTrial, string> {
  try {
    return ok(parsed(json));
  } catch (error) {
    if (error instanceof BadRequest) return err(error.message);
    throw error;
  }
}

function parsed(json: unknown): ParsedTrial {
  if (!isJsonObject(json)) throw new BadRequest("a request is a JSON object");
  const { id = null } = json;
  if (id !== null && trialId(json) === null) {
    throw new BadRequest(`"id" is a string of at most ${ID_LENGTH_MAX} characters or a number`);
  }
  const { source } = json;
  if (typeof source !== "string") throw new BadRequest('"source" is a string of RTFS');
  const file = optionalText(json, "file") ?? "<source>";
  return {
    request: {
      id: trialId(json),
      texts: [...textsBefore(json["before"]), { file, source }],
      rights: parseRights(json),
      compat: parseCompat(json["compat"]),
      strict: parseStrict(json["strict"]),
      modules: new ModuleShelf(parseModules(json["modules"])),
    },
    unknown: Object.keys(json)
      .filter((key) => !KEYS.has(key))
      .slice(0, UNKNOWN_MAX),
  };
}

function optionalText(json: JsonObject, key: string): string | undefined {
  const value = json[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && value !== "" && value.length <= 4096) return value;
  throw new BadRequest(`"${key}" is a text of 1 to 4096 characters`);
}

function textsBefore(json: JsonValue | undefined): readonly TrialText[] {
  if (json === undefined || json === null) return [];
  if (!Array.isArray(json)) throw new BadRequest('"before" is an array of {file, source}');
  return json.map((each: JsonValue) => {
    if (!isJsonObject(each)) throw new BadRequest('"before" is an array of {file, source}');
    const { file, source } = each;
    if (typeof file !== "string" || typeof source !== "string")
      throw new BadRequest('"before" is an array of {file, source}');
    return { file, source };
  });
}

function parseModules(json: JsonValue | undefined): ReadonlyMap<string, ModuleText> {
  if (json === undefined || json === null) return new Map();
  if (!isJsonObject(json)) throw new BadRequest('"modules" is an object of {file, source}');
  return new Map(
    Object.entries(json).map(([name, text]) => {
      const { file, source } = isJsonObject(text) ? text : {};
      if (typeof file !== "string" || typeof source !== "string")
        throw new BadRequest('"modules" is an object of {file, source}');
      return [name, { file, source }];
    }),
  );
}

function parseCompat(json: JsonValue | undefined): "seed" | null {
  if (json === undefined || json === null || json === false) return null;
  if (json === "seed") return "seed";
  throw new BadRequest('"compat" is "seed", false or absent');
}

function parseStrict(json: JsonValue | undefined): boolean {
  if (json === undefined || json === null) return false;
  if (typeof json === "boolean") return json;
  throw new BadRequest('"strict" is true, false or absent');
}

/**
 * The rights of a request. Without a level, `pure`; with stubs but without a level, what has a stub
 * may be called and nothing else.
 *
 * @throws {BadRequest}
 */
export function parseRights(json: JsonObject): Rights {
  const stubs = parseStubs(json["stubs"]);
  const level = parseLevel(json["level"]);
  const allow = parseAllow(json["allow"]);
  if (level !== null) return { level, allow, stubs };
  if (allow.size === 0 && stubs.size === 0) return { level: "pure", allow, stubs };
  return { level: "controlled", allow: new Set([...allow, ...stubs.keys()]), stubs };
}

function parseLevel(json: JsonValue | undefined): Level | null {
  if (json === undefined || json === null) return null;
  const level = LEVELS.find((each) => each === json);
  if (level === undefined) throw new BadRequest('"level" is "pure", "controlled" or "full"');
  return level;
}

function parseAllow(json: JsonValue | undefined): ReadonlySet<string> {
  if (json === undefined || json === null) return new Set();
  if (!Array.isArray(json)) throw new BadRequest('"allow" is an array of capability ids');
  return new Set(json.map((id: JsonValue) => capabilityId(id, "allow")));
}

function capabilityId(json: JsonValue, field: string): string {
  if (typeof json !== "string" || json === "" || json.length > NAME_LENGTH_MAX)
    throw new BadRequest(`"${field}" names capabilities by texts of 1 to ${NAME_LENGTH_MAX}`);
  return json.startsWith(":") ? json.slice(1) : json;
}

function parseStubs(json: JsonValue | undefined): ReadonlyMap<string, Stub> {
  if (json === undefined || json === null) return new Map();
  if (!isJsonObject(json)) throw new BadRequest('"stubs" is an object of capability ids');
  return new Map(
    Object.entries(json).map(([id, stub]) => [capabilityId(id, "stubs"), parseStub(id, stub)]),
  );
}

function parseStub(id: string, json: JsonValue): Stub {
  const entries = isJsonObject(json) ? Object.entries(json) : [];
  const [key, value] = entries.length === 1 ? entries[0]! : [];
  if (key === "returns" && typeof value === "string") {
    return { kind: "returns", value: stubValue(id, value) };
  }
  if (key === "echo" && (value === "first" || value === "all"))
    return { kind: "echo", what: value };
  if (key === "fails" && typeof value === "string" && /^[A-Z][A-Za-z]{0,63}$/.test(value)) {
    return { kind: "fails", error: value };
  }
  const shapes = '{"returns": "<RTFS>"}, {"echo": "first"|"all"} or {"fails": "<kind>"}';
  throw new BadRequest(`the stub of "${id.slice(0, NAME_LENGTH_MAX)}" is not ${shapes}`);
}

/** Data, read and never run: a stub is no program. */
function stubValue(id: string, text: string): Value {
  const what = `the stub of "${id.slice(0, NAME_LENGTH_MAX)}"`;
  const forms = readForms(text, { file: "<stub>" });
  if (!forms.ok) throw new BadRequest(`${what} does not read: ${forms.error[0]?.message ?? ""}`);
  const [form, ...rest] = forms.value;
  if (form === undefined || rest.length > 0) throw new BadRequest(`${what} is not one value`);
  try {
    return formToValue(unquoted(form));
  } catch (error) {
    if (error instanceof RtfsError) throw new BadRequest(`${what}: ${error.message}`);
    throw error;
  }
}

/** `'(1 2)` is how a list is written where code stands; as data it is the list. */
function unquoted(form: Form): Form {
  if (form.kind !== "list" || form.items.length !== 2) return form;
  const [head, quoted] = form.items;
  return head?.kind === "symbol" && head.name === "quote" ? quoted! : form;
}
