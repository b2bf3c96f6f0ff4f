/**
 * What a test file says, as forms that the language already has.
 *
 * `(deftest "name" {options}? body…)` stands at top level and nowhere else. Inside it `(is expr)`
 * is an assertion; a body expression without an `is` must itself be truthy. `(is (= a b))` keeps
 * both sides, `(is (throws Kind expr…))` wants an error. Each assertion becomes a call of
 * {@link REPORT} with its number; the rest of the file is shared by all tests.
 *
 * @module
 */
import type { JsonObject } from "../../foundation/json.ts";
import { err, ok, type Result } from "../../foundation/result.ts";
import type { SourceSpan } from "../../foundation/source-span.ts";
import { type Diagnostic, diagnostic } from "../diagnostic.ts";
import { type Form, formToValue, headName, type ListForm, type MapForm } from "../syntax/form.ts";
import { printValue } from "../values/print.ts";
import { RtfsError } from "../values/rtfs-error.ts";

/** The function that an assertion calls: number, verdict, then both sides of an equality. */
export const REPORT = "test%report";
const LEFT = "test%left";
const RIGHT = "test%right";

export interface Assertion {
  readonly span: SourceSpan;
  readonly kind: "truthy" | "equal" | "throws";
  /** The asserted expression. */
  readonly form: Form;
}

export interface TestForms {
  readonly name: string;
  readonly span: SourceSpan;
  /** `level`, `allow`, `stubs` as in a request. */
  readonly rights: JsonObject;
  readonly body: readonly Form[];
  readonly assertions: readonly Assertion[];
}

export interface TestFile {
  /** Everything outside of tests, in order. */
  readonly shared: readonly Form[];
  readonly tests: readonly TestForms[];
  readonly problems: readonly Diagnostic[];
}

/** Whether a text is a test file. */
export function hasTests(forms: readonly Form[]): boolean {
  return forms.some((form) => headName(form) === "deftest");
}

/** Take a test file apart. Malformed tests are problems, not tests. */
export function readTests(forms: readonly Form[]): TestFile {
  const shared: Form[] = [];
  const tests: TestForms[] = [];
  const problems: Diagnostic[] = [];
  const names = new Set<string>();
  for (const form of forms) {
    if (form.kind !== "list" || headName(form) !== "deftest") {
      shared.push(form);
      continue;
    }
    const test = testOf(form);
    if (!test.ok) problems.push(test.error);
    else if (names.has(test.value.name))
      problems.push(diagnostic(form.span, `Two tests have the name "${test.value.name}"`));
    else {
      names.add(test.value.name);
      tests.push(test.value);
    }
  }
  return { shared, tests, problems };
}

const SHAPE = { hint: 'Write (deftest "name" (is (= 4 (f 2)))), at least one expression' };

function testOf(form: ListForm): Result<TestForms, Diagnostic> {
  const [, name, ...rest] = form.items;
  if (name?.kind !== "string")
    return err(diagnostic(form.span, "A test has a name in quotes", SHAPE));
  const [first] = rest;
  const options = first?.kind === "map" && rest.length > 1 ? first : null;
  const body = options === null ? rest : rest.slice(1);
  if (body.length === 0) return err(diagnostic(form.span, "A test without an expression", SHAPE));
  const rights = options === null ? ok({}) : rightsOf(options);
  if (!rights.ok) return rights;
  const writer = new AssertionWriter();
  const written = body.map((each) => writer.statement(each));
  return ok({
    name: name.value,
    span: form.span,
    rights: rights.value,
    body: written,
    assertions: writer.assertions,
  });
}

/** `{:level :controlled :allow ["id"] :stubs {"id" {:returns [1 2]}}}` as a request writes it. */
function rightsOf(options: MapForm): Result<JsonObject, Diagnostic> {
  const rights: Record<string, JsonObject[string]> = {};
  for (const { key, value } of options.entries) {
    const name = wordOf(key);
    if (name === "level") rights["level"] = wordOf(value);
    else if (name === "allow" && value.kind === "vector") rights["allow"] = value.items.map(wordOf);
    else if (name === "stubs" && value.kind === "map") {
      const stubs = stubsOf(value);
      if (stubs === null) return err(diagnostic(value.span, "A stub is no data", OPTIONS));
      rights["stubs"] = stubs;
    } else return err(diagnostic(key.span, "A test has no such option", OPTIONS));
  }
  return ok(rights);
}

const OPTIONS = {
  hint: 'Options are :level, :allow ["id"] and :stubs {"id" {:returns value}}',
};

/** The text of a keyword, symbol or string; empty for anything else, which no field takes. */
function wordOf(form: Form): string {
  if (form.kind === "keyword" || form.kind === "symbol") return form.name;
  return form.kind === "string" ? form.value : "";
}

function stubsOf(form: MapForm): JsonObject | null {
  const stubs: (readonly [string, JsonObject])[] = [];
  for (const { key, value } of form.entries) {
    if (value.kind !== "map" || value.entries.length !== 1) return null;
    const [{ key: kind, value: what }] = value.entries as [MapForm["entries"][number]];
    const text = wordOf(kind) === "returns" ? dataText(what) : wordOf(what);
    if (text === null) return null;
    stubs.push([wordOf(key), Object.fromEntries([[wordOf(kind), text]])]);
  }
  return Object.fromEntries(stubs);
}

function dataText(form: Form): string | null {
  try {
    return printValue(formToValue(form));
  } catch (error) {
    if (error instanceof RtfsError) return null;
    throw error;
  }
}

const DEFINING = new Set(["def", "defn", "defmacro", "defstruct", "deftype", "import", "module"]);
const QUOTING = new Set(["quote", "quasiquote"]);

class AssertionWriter {
  readonly assertions: Assertion[] = [];

  /** An expression of the body: it holds assertions, defines, or is one assertion itself. */
  statement(form: Form): Form {
    const before = this.assertions.length;
    const written = this.#rewrite(form);
    const isAssertion = this.assertions.length === before && !DEFINING.has(headName(form) ?? "");
    return isAssertion ? this.#assertion(form, form.span) : written;
  }

  #rewrite(form: Form): Form {
    if (form.kind === "list") return this.#list(form);
    if (form.kind === "vector")
      return { ...form, items: form.items.map((item) => this.#rewrite(item)) };
    if (form.kind !== "map") return form;
    const entries = form.entries.map(({ key, value }) => ({ key, value: this.#rewrite(value) }));
    return { ...form, entries };
  }

  #list(form: ListForm): Form {
    const head = headName(form);
    if (head !== null && QUOTING.has(head)) return form;
    if (head === "is" && form.items.length === 2) return this.#assertion(form.items[1]!, form.span);
    return { ...form, items: form.items.map((item) => this.#rewrite(item)) };
  }

  #assertion(form: Form, span: SourceSpan): Form {
    const list = (...items: readonly Form[]): Form => ({ kind: "list", items, span });
    const symbol = (name: string): Form => ({ kind: "symbol", name, span });
    const add = (kind: Assertion["kind"]): Form => {
      this.assertions.push({ span, kind, form });
      return { kind: "integer", value: this.assertions.length - 1, span };
    };
    const head = headName(form);
    const items = form.kind === "list" ? form.items : [];
    if (head === "=" && items.length === 3) {
      const number = add("equal");
      const [, left, right] = items as readonly [Form, Form, Form];
      const sides: Form = {
        kind: "vector",
        items: [symbol(LEFT), left, symbol(RIGHT), right],
        span,
      };
      const same = list(items[0]!, symbol(LEFT), symbol(RIGHT));
      const report = list(symbol(REPORT), number, same, symbol(LEFT), symbol(RIGHT));
      return list(symbol("let"), sides, report);
    }
    if (head === "throws" && items.length >= 3) {
      const number = add("throws");
      const report = (verdict: boolean): Form =>
        list(symbol(REPORT), number, { kind: "boolean", value: verdict, span });
      const [, kind, ...body] = items as readonly [Form, Form, ...Form[]];
      const caught = list(symbol("catch"), kind, symbol(LEFT), report(true));
      return list(symbol("try"), ...body, report(false), caught);
    }
    return list(symbol(REPORT), add("truthy"), form);
  }
}
