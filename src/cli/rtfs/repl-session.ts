/**
 * What a conversation remembers: the texts of its definitions, and how programs are run.
 *
 * Each input is a program of its own: the definitions so far, then the input. So nothing lives in
 * the evaluator's process, which may end at any time. A function that is defined again takes the
 * place of the old one, so that earlier functions call the new one; a value defined again comes
 * after, as in a file. Definitions are evaluated again for each input: they should be cheap.
 *
 * @module
 */
import type { JsonObject } from "../../foundation/json.ts";
import { type Form, headName, readForms } from "../../rtfs/index.ts";

interface Remembered {
  /** What places call it. */
  readonly file: string;
  readonly source: string;
  /** Null: not replaced by a later one. */
  readonly key: string | null;
}

/** Definitions kept in one conversation, and their length together. */
const TEXTS_MAX = 2_000;
const LENGTH_MAX = 1_000_000;

const REPLACED = new Set(["defn", "defmacro", "defstruct", "deftype", "module"]);
const DEFINING = new Set([...REPLACED, "def", "import", "do"]);

export interface Settings {
  /** Fields of a request: level, allow, stubs, compat. */
  rights: Record<string, JsonObject[string]>;
  types: boolean;
  ir: boolean;
  timing: boolean;
}

export class ReplSession {
  readonly settings: Settings;
  #texts: readonly Remembered[] = [];
  readonly #sources = new Map<string, string>();
  #inputs = 0;

  constructor(rights: JsonObject) {
    this.settings = { rights: { ...rights }, types: false, ir: false, timing: false };
  }

  /** A name for the next input's places; its text is kept for excerpts. */
  open(source: string): string {
    const file = `in:${++this.#inputs}`;
    this.#sources.set(file, source);
    const oldest = this.#inputs - TEXTS_MAX;
    if (oldest > 0 && !this.#texts.some((text) => text.file === `in:${oldest}`))
      this.#sources.delete(`in:${oldest}`);
    return file;
  }

  sourceOf(file: string): string | null {
    return this.#sources.get(file) ?? null;
  }

  request(file: string, source: string): JsonObject {
    const before = this.#texts.map((text) => ({ file: text.file, source: text.source }));
    return { ...this.settings.rights, file, source, before };
  }

  /** All definitions as one text, for completion and documentation. */
  text(): string {
    return this.#texts.map(({ source }) => source.trim()).join("\n");
  }

  get size(): number {
    return this.#texts.length;
  }

  /**
   * Keep the definitions of an input that ran.
   *
   * @returns False when the conversation holds too much already; then nothing is kept.
   */
  remember(file: string, source: string): boolean {
    const forms = readForms(source, { file });
    if (!forms.ok) return true;
    let texts = this.#texts;
    for (const form of forms.value) {
      if (!DEFINING.has(headName(form) ?? "")) continue;
      const text = { file, source: placed(source, form), key: keyOf(form) };
      const at = text.key === null ? -1 : texts.findIndex(({ key }) => key === text.key);
      texts = at < 0 ? [...texts, text] : texts.with(at, text);
    }
    const length = texts.reduce((sum, each) => sum + each.source.length, 0);
    if (texts.length > TEXTS_MAX || length > LENGTH_MAX) return false;
    this.#texts = texts;
    return true;
  }
}

/** The form alone, on its own line and column, so that its places stay right. */
function placed(source: string, { span }: Form): string {
  const lines = "\n".repeat(span.line - 1);
  return `${lines}${" ".repeat(span.column - 1)}${source.slice(span.start, span.end)}`;
}

function keyOf(form: Form): string | null {
  const head = headName(form);
  const name = form.kind === "list" ? form.items[1] : undefined;
  if (head === null || !REPLACED.has(head) || name?.kind !== "symbol") return null;
  return `${head} ${name.name}`;
}

const UNFINISHED: ReadonlySet<string> = new Set([
  "READ_UNCLOSED",
  "READ_UNCLOSED_STRING",
  "READ_UNCLOSED_COMMENT",
  "READ_DANGLING_PREFIX",
]);

/** Whether a text only lacks its end: an open bracket, string or comment. */
export function isIncomplete(source: string): boolean {
  const forms = readForms(source, { file: "in" });
  if (forms.ok) return false;
  return forms.error.every(({ code }) => UNFINISHED.has(code));
}
