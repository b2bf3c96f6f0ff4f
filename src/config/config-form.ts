/**
 * `(agent.config k v …)` as the map it stands for, wherever it is written.
 *
 * Quoted, or in a template, it is data: what a macro makes of it is rewritten when it is expanded.
 *
 * @module
 */
import type { SourceSpan } from "../foundation/source-span.ts";
import { type Form, headName, type MapForm } from "../rtfs/index.ts";
import { segmentOf, shown } from "./display.ts";

/** The form's head symbol. */
const HEAD = "agent.config";
const UNQUOTES: ReadonlySet<string> = new Set(["unquote", "unquote-splicing"]);
/** A config of a thousand lines has some ten thousand forms. */
const FORMS_MAX = 100_000;

export interface ConfigProblem {
  readonly code: "PARSE_ERROR" | "DUPLICATE_KEY";
  /** The repeated key; empty for the whole file. */
  readonly path: string;
  readonly message: string;
  readonly suggestion: string | null;
  readonly span: SourceSpan;
}

export interface Rewritten {
  readonly forms: readonly Form[];
  readonly problems: readonly ConfigProblem[];
}

/** Every config form of a program replaced. Depth is the reader's bound; the number of forms is checked. */
export function rewriteConfigForms(forms: readonly Form[]): Rewritten {
  const problems: ConfigProblem[] = [];
  let count = 0;
  /** Templates and quotes around the form that is looked at, less the unquotes. */
  let quotes = 0;
  const rewrite = (form: Form): Form => {
    const level = quoteLevel(headName(form), quotes);
    quotes += level;
    const rewritten = rewriteInside(form);
    quotes -= level;
    return rewritten;
  };
  const rewriteInside = (form: Form): Form => {
    count += 1;
    if (count > FORMS_MAX) return form;
    if (form.kind === "vector") return { ...form, items: form.items.map(rewrite) };
    if (form.kind === "map") {
      const entries = form.entries.map(({ key, value }) => ({
        key: rewrite(key),
        value: rewrite(value),
      }));
      return { ...form, entries };
    }
    if (form.kind !== "list") return form;
    const items = form.items.map(rewrite);
    const list = { ...form, items };
    const isConfig = headName(form) === HEAD && quotes <= 0;
    return isConfig ? mapForm(items.slice(1), form.span, problems) : list;
  };
  const rewritten = forms.map(rewrite);
  const last = forms.at(-1);
  if (count > FORMS_MAX && last !== undefined) {
    problems.push({
      code: "PARSE_ERROR",
      path: "",
      message: `the config has more than ${FORMS_MAX} forms`,
      suggestion: "Remove what is not config",
      span: last.span,
    });
  }
  return { forms: rewritten, problems };
}

/** What a form adds to the quotes around what stands in it; a quote in a template is part of the template. */
function quoteLevel(head: string | null, quotes: number): number {
  if (head === "quasiquote" || (head === "quote" && quotes === 0)) return 1;
  return head !== null && UNQUOTES.has(head) ? -1 : 0;
}

function mapForm(items: readonly Form[], span: SourceSpan, problems: ConfigProblem[]): MapForm {
  const entries = new Map<string, MapForm["entries"][number]>();
  for (let index = 0; index < items.length; index += 2) {
    const key = items[index];
    const value = items[index + 1];
    if (key === undefined) break;
    const name = key.kind === "keyword" ? key.name : null;
    if (name === null) {
      problems.push(parseProblem(key, "a key of agent.config is a keyword such as :version"));
    } else if (value === undefined) {
      problems.push(parseProblem(key, `the key :${shown(name)} has no value`));
    } else if (entries.has(name)) {
      const path = segmentOf(name);
      const message = `${path} is given more than once`;
      problems.push({ code: "DUPLICATE_KEY", path, message, suggestion: null, span: key.span });
    } else entries.set(name, { key, value });
  }
  return { kind: "map", entries: [...entries.values()], span };
}

function parseProblem(form: Form, message: string): ConfigProblem {
  const suggestion = "Write (agent.config :key value …)";
  return { code: "PARSE_ERROR", path: "", message, suggestion, span: form.span };
}
