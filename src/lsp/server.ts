/**
 * The language server over stdio: which request is answered by what.
 *
 * Read in this order: serveLanguage, LanguageServer. One process serves one editor, which is
 * trusted; the texts are not. Nothing of a text is run but its macros, on their own budget.
 *
 * @module
 */
import {
  type Connection,
  type DataCallback,
  type Disposable,
  type InitializeResult,
  type Message,
  type RenameParams,
  ResponseError,
  LSPErrorCodes,
  TextDocuments,
  TextDocumentSyncKind,
  type TextDocumentPositionParams,
} from "vscode-languageserver";
import {
  createConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-languageserver/node";
import { TextDocument } from "vscode-languageserver-textdocument";
import {
  completionsAt,
  formatEdits,
  foundAt,
  hoverAt,
  renameEdits,
  renameRange,
  signatureAt,
  symbolsOf,
} from "./answers.ts";
import { OpenText } from "./document.ts";
import { checked, documentProblem, placeProblem, renameProblem } from "./params.ts";

/** Between the last key and the diagnostics, milliseconds. */
const QUIET_MS = 150;

export interface Streams {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly version: string;
}

/** Serve one client until it says `exit` or its stream ends. @returns the exit code. */
export function serveLanguage({ input, output, version }: Streams): Promise<number> {
  const reader = new ParamsReader(input);
  const writer = new StreamMessageWriter(output);
  const connection = createConnection(reader, writer);
  return new Promise((resolve) => {
    const server = new LanguageServer(connection, version);
    input.once("end", () => resolve(server.isShutDown ? 0 : 1));
    connection.onExit(() => resolve(server.isShutDown ? 0 : 1));
    connection.listen();
  });
}

/** Parameters of null are none: so they are refused where some are needed, before anything reads them. */
class ParamsReader extends StreamMessageReader {
  override listen(callback: DataCallback): Disposable {
    return super.listen((message) => {
      const { params, ...rest } = message as Message & { params?: unknown };
      callback(params === null ? rest : message);
    });
  }
}

interface InDocument {
  readonly textDocument: { readonly uri: string };
}

class LanguageServer {
  isShutDown = false;
  readonly #connection: Connection;
  readonly #documents = new TextDocuments(TextDocument);
  readonly #texts = new Map<string, OpenText>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(connection: Connection, version: string) {
    this.#connection = connection;
    connection.onInitialize(() => initializeResult(version));
    connection.onShutdown(() => {
      this.isShutDown = true;
      for (const timer of this.#timers.values()) clearTimeout(timer);
    });
    this.#documents.onDidChangeContent(({ document }) => this.#changed(document));
    this.#documents.onDidClose(({ document }) => this.#closed(document.uri));
    this.#documents.listen(connection);
    this.#answer();
  }

  #changed(document: TextDocument): void {
    const { uri } = document;
    this.#texts.set(uri, new OpenText(document));
    clearTimeout(this.#timers.get(uri));
    this.#timers.set(
      uri,
      setTimeout(() => this.#publish(uri), QUIET_MS),
    );
  }

  #closed(uri: string): void {
    clearTimeout(this.#timers.get(uri));
    this.#timers.delete(uri);
    this.#texts.delete(uri);
    void this.#connection.sendDiagnostics({ uri, diagnostics: [] });
  }

  #publish(uri: string): void {
    const text = this.#texts.get(uri);
    if (text === undefined) return;
    const { version } = text.document;
    void this.#connection.sendDiagnostics({ uri, version, diagnostics: text.diagnostics() });
  }

  /** Ask about a place of an open text; null for a text that is not open. */
  #at<T>(ask: (text: OpenText, params: TextDocumentPositionParams) => T | null) {
    return checked(placeProblem, (params: TextDocumentPositionParams): T | null => {
      const text = this.#texts.get(params.textDocument.uri);
      return text === undefined ? null : ask(text, params);
    });
  }

  /** Ask about an open text as a whole. */
  #of<T>(ask: (text: OpenText) => T | null) {
    return checked(documentProblem, ({ textDocument }: InDocument): T | null => {
      const text = this.#texts.get(textDocument.uri);
      return text === undefined ? null : ask(text);
    });
  }

  #answer(): void {
    const connection = this.#connection;
    connection.onHover(this.#at((text, { position }) => hoverAt(text, position)));
    connection.onCompletion(this.#at((text, { position }) => completionsAt(text, position)));
    connection.onSignatureHelp(this.#at((text, { position }) => signatureAt(text, position)));
    connection.onDefinition(
      this.#at((text, { position }) => {
        const found = foundAt(text, position);
        const definition = found?.entity.definition ?? null;
        return found === null || definition === null ? null : found.home.placeOf(definition.span);
      }),
    );
    connection.onReferences(
      this.#at((text, { position }) => {
        const definition = foundAt(text, position)?.use.definition ?? null;
        const uses = definition === null ? null : text.assistant?.usesOf(definition);
        return uses?.map(({ span }) => text.placeOf(span)) ?? null;
      }),
    );
    connection.onPrepareRename(this.#at((text, { position }) => renameRange(text, position)));
    connection.onRenameRequest(
      checked(renameProblem, ({ textDocument, position, newName }: RenameParams) => {
        const text = this.#texts.get(textDocument.uri);
        const edits = text === undefined ? null : renameEdits(text, position, newName);
        if (edits !== null) return { changes: { [textDocument.uri]: edits } };
        return new ResponseError(LSPErrorCodes.RequestFailed, "This cannot be renamed so");
      }),
    );
    connection.onDocumentFormatting(this.#of(formatEdits));
    connection.onDocumentSymbol(this.#of(symbolsOf));
  }
}

function initializeResult(version: string): InitializeResult {
  return {
    capabilities: {
      textDocumentSync: TextDocumentSyncKind.Incremental,
      hoverProvider: true,
      completionProvider: { triggerCharacters: ["("] },
      signatureHelpProvider: { triggerCharacters: [" "] },
      definitionProvider: true,
      referencesProvider: true,
      renameProvider: { prepareProvider: true },
      documentSymbolProvider: true,
      documentFormattingProvider: true,
    },
    serverInfo: { name: "ccos rtfs lsp", version },
  };
}
