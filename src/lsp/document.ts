/**
 * One open text: its problems, its names, and the places that LSP counts in lines and characters.
 *
 * The work for a version of a text is done once, when it is first asked for.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  type Diagnostic,
  DiagnosticSeverity,
  type Location,
  type Range,
} from "vscode-languageserver";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { SourceSpan } from "../foundation/source-span.ts";
import { headOf } from "../host/index.ts";
import {
  Assistant,
  checkTrial,
  decodeSource,
  isModuleName,
  modulePath,
  ModuleShelf,
  type TrialError,
} from "../rtfs/index.ts";

/** Longest text that is looked at, UTF-16 units: the reader's own limit. */
const LENGTH_MAX = 1024 * 1024;
const PROBLEMS_MAX = 200;

export class OpenText {
  readonly document: TextDocument;
  #assistant: Assistant | null = null;

  constructor(document: TextDocument) {
    this.document = document;
  }

  /** Null for a text that is too long. */
  get assistant(): Assistant | null {
    if (this.#assistant === null && !this.#isTooLong()) {
      this.#assistant = new Assistant(this.document.getText(), this.document.uri);
    }
    return this.#assistant;
  }

  #isTooLong(): boolean {
    return this.document.getText().length > LENGTH_MAX;
  }

  rangeOf(span: Pick<SourceSpan, "start" | "end">): Range {
    const { document } = this;
    return { start: document.positionAt(span.start), end: document.positionAt(span.end) };
  }

  placeOf(span: SourceSpan): Location {
    return { uri: this.document.uri, range: this.rangeOf(span) };
  }

  /** Every problem that is known before a run. */
  diagnostics(): Diagnostic[] {
    const { assistant } = this;
    if (assistant === null) {
      const message = `The text is over ${LENGTH_MAX} characters: it is not looked at`;
      const range = this.rangeOf({ start: 0, end: 1 });
      return [{ range, severity: DiagnosticSeverity.Warning, message, source: "rtfs" }];
    }
    const problems = isConfig(assistant) ? [] : this.#problems();
    return problems.slice(0, PROBLEMS_MAX).map((problem) => this.#diagnostic(problem));
  }

  #problems(): readonly TrialError[] {
    return checkTrial({
      id: null,
      texts: [{ file: this.document.uri, source: this.document.getText() }],
      rights: { level: "pure", allow: new Set(), stubs: new Map() },
      compat: null,
      strict: false,
      modules: new ModuleShelf(new Map(), (name) => this.#module(name)),
    });
  }

  /** The text of the module that a name comes from; null when it is not imported or not there. */
  imported(name: string): { readonly text: OpenText; readonly name: string } | null {
    const meant = this.assistant?.importedName(name) ?? null;
    const found = meant === null ? null : this.#module(meant.module);
    if (meant === null || found === null) return null;
    const uri = pathToFileURL(found.file).href;
    const document = TextDocument.create(uri, "rtfs", 0, found.source);
    return { text: new OpenText(document), name: meant.name };
  }

  /** A module beside the text, as it is on disk. */
  #module(name: string): { readonly file: string; readonly source: string } | null {
    const { uri } = this.document;
    if (!uri.startsWith("file:") || !isModuleName(name)) return null;
    const file = join(dirname(fileURLToPath(uri)), modulePath(name));
    const head = headOf(file, LENGTH_MAX + 1);
    const source = head.length > LENGTH_MAX ? null : decodeSource(head, file);
    return source?.ok === true && head.length > 0 ? { file, source: source.value } : null;
  }

  #diagnostic({ code, severity, message, span, hint, related }: TrialError): Diagnostic {
    const isHere = span?.file === this.document.uri;
    return {
      range: this.rangeOf(isHere ? span : { start: 0, end: 1 }),
      severity: severity === "warning" ? DiagnosticSeverity.Warning : DiagnosticSeverity.Error,
      code,
      source: "rtfs",
      message: hint === undefined ? message : `${message}\n${hint}`,
      ...(related === undefined
        ? {}
        : {
            relatedInformation: related.map((each) => ({
              message: each.message,
              location: this.placeOf(each.span),
            })),
          }),
    };
  }
}

/** An agent config reads as RTFS, but its names are the config's own: `ccos check` judges it. */
function isConfig({ index, diagnostics }: Assistant): boolean {
  const isNamed = index.uses.some(({ name }) => /^(?:agent\.config$|profile:)/.test(name));
  return isNamed && diagnostics.length === 0;
}
