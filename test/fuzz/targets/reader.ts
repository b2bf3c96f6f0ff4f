/** The reader, the printer and the formatter: any text is read or refused, at places that are right. */
import {
  decodeSource,
  type Form,
  formatSource,
  printForm,
  readForms,
  readSource,
} from "../../../src/rtfs/index.ts";
import type { SourceSpan } from "../../../src/foundation/source-span.ts";
import { withoutSpans } from "../form-text.ts";
import { damage } from "../mutate.ts";
import { fileTexts, freshProgram, lawTexts } from "../start.ts";
import { holds, same, type Target } from "../target.ts";

const FILE = "case";

let counted: { text: string; lines: readonly number[] } = { text: "", lines: [1] };

/** The number of the line of an offset; counted once for a text. */
function linesBefore(text: string, offset: number): number {
  if (counted.text !== text) {
    let line = 1;
    const lines = [line];
    for (let at = 0; at < text.length; at++) {
      if (text.charCodeAt(at) === 10) line++;
      lines.push(line);
    }
    counted = { text, lines };
  }
  return counted.lines[offset]!;
}

function checkSpan(law: string, text: string, { start, end, line, column }: SourceSpan): void {
  holds(`${law}: the place is in the text`, 0 <= start && start <= end && end <= text.length);
  const lineStart = start === 0 ? -1 : text.lastIndexOf("\n", start - 1);
  const wanted = [linesBefore(text, start), start - lineStart];
  same(`${law}: line and column are those of the offset`, [line, column], wanted);
}

function partsOf(form: Form): readonly Form[] {
  if (form.kind === "list" || form.kind === "vector") return form.items;
  return form.kind === "map" ? form.entries.flatMap(({ key, value }) => [key, value]) : [];
}

/** How a form that is written, and not made by sugar, begins. */
const OPENING: ReadonlyMap<Form["kind"], RegExp> = new Map([
  ["string", /^"/],
  ["keyword", /^:/],
  ["integer", /^[+-]?\d/],
  ["float", /^[+-]?\d/],
  ["symbol", /^[a-z]/],
  ["vector", /^\[/],
  ["map", /^\{/],
]);

/** Sugar puts forms where no text of theirs stands; what has a text of its own reads as itself. */
function checkForm(text: string, form: Form, around: SourceSpan | null): void {
  const { span } = form;
  checkSpan(form.kind, text, span);
  if (around !== null) {
    const isInside = around.start <= span.start && span.end <= around.end;
    holds("a form is inside the form around it", isInside, printForm(form));
  }
  const own = text.slice(span.start, span.end);
  if (OPENING.get(form.kind)?.test(own) === true && partsOf(form).length === 0) {
    const again = readForms(own, { file: FILE });
    const alone = again.ok && again.value.length === 1 ? again.value.map(withoutSpans) : "refused";
    same("an atom's text reads as the atom", alone, [withoutSpans(form)]);
  }
  if (form.kind === "map") {
    const keys = form.entries.map(({ key }) => printForm(key));
    holds("no key stands twice", new Set(keys).size === keys.length, printForm(form));
  }
  for (const part of partsOf(form)) checkForm(text, part, span);
}

function checkLayout(text: string, width: number): void {
  const once = formatSource(text, { width });
  holds("what reads is laid out", once.ok);
  if (!once.ok) return;
  const before = readSource(text, { file: FILE });
  const after = readSource(once.value, { file: FILE });
  same("a laid out text reads", after.diagnostics, []);
  const same_ = [after, before].map(({ forms }) => forms.map(withoutSpans));
  same("laying out keeps the forms", same_[0], same_[1]);
  const comments = [after, before].map((each) =>
    each.comments.map((comment) => comment.text.replaceAll("\r\n", "\n").trimEnd()),
  );
  same("laying out keeps the comments", comments[0], comments[1]);
  const twice = formatSource(once.value, { width });
  same("a laid out text stays as it is", twice.ok && twice.value, once.value);
}

function checkRead(text: string, forms: readonly Form[]): void {
  for (const form of forms) checkForm(text, form, null);
  const printed = forms.map(printForm).join(" ");
  const again = readForms(printed, { file: FILE });
  const read = again.ok ? again.value.map(withoutSpans) : "refused";
  same("a printed form reads as itself", read, forms.map(withoutSpans));
  for (const width of [100, 30]) checkLayout(text, width);
}

function check(text: string): readonly string[] {
  const { diagnostics, forms } = readSource(text, { file: FILE });
  const read = readForms(text, { file: FILE });
  same("a text is read or has diagnostics", read.ok, diagnostics.length === 0);
  holds("at most 50 diagnostics", diagnostics.length <= 50);
  let last = 0;
  for (const { span, hint, code, related = [] } of diagnostics) {
    checkSpan(code, text, span);
    for (const each of related) checkSpan(code, text, each.span);
    holds(`${code}: says what to do`, (hint ?? "") !== "");
    holds(`${code}: stands behind the one before`, span.start >= last);
    last = span.start;
  }
  if (text.isWellFormed() && !text.startsWith("\ufeff")) {
    const decoded = decodeSource(new TextEncoder().encode(text), FILE);
    if (decoded.ok) same("bytes decode to the text", decoded.value, text);
  }
  if (!read.ok)
    return diagnostics
      .slice(0, 3)
      .map(({ code, message }) => `${code} ${message.replaceAll(/["`].*?["`]|\d+/g, "")}`);
  checkRead(text, forms);
  return [];
}

export const reader: Target = {
  name: "rtfs-reader",
  lengthMax: 6000,
  seeds: () => [...lawTexts(), ...fileTexts().filter((text) => text.length < 3000)],
  fresh: freshProgram,
  mutate: damage,
  check,
};
