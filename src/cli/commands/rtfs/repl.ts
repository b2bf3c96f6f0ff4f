/**
 * `ccos rtfs repl`: a conversation with the language.
 *
 * Read in this order: rtfsRepl, Repl.line, Repl.evaluate. On a terminal it has a prompt, history and
 * completion; from a pipe it reads inputs and prints values. Ctrl-C drops the input or ends the
 * running program, Ctrl-D ends.
 *
 * @module
 */
import { createInterface, type Interface } from "node:readline";
import { CcosError } from "../../../foundation/errors.ts";
import type { JsonObject } from "../../../foundation/json.ts";
import { Assistant, type TrialAnswer } from "../../../rtfs/index.ts";
import { type Command, type Io, parseCommand, usageError } from "../../command.ts";
import { marksFor, printable, renderError } from "../../render.ts";
import { createEvaluator, type Evaluator } from "../../rtfs/evaluator.ts";
import { renderProblem } from "../../rtfs/excerpt.ts";
import { LIMIT_OPTIONS, LIMITS_USAGE, limitsOf } from "../../rtfs/limits.ts";
import { askWithModules, MODULE_OPTIONS, MODULE_USAGE, ModuleFiles } from "../../rtfs/modules.ts";
import { REPL_COMMANDS, type ReplHands, showNodes } from "../../rtfs/repl-commands.ts";
import { loadHistory, saveHistory } from "../../rtfs/repl-history.ts";
import { isIncomplete, ReplSession } from "../../rtfs/repl-session.ts";
import { RIGHTS_OPTIONS, RIGHTS_USAGE, rightsOf } from "../../rtfs/rights.ts";
import { writeOut } from "../../streams.ts";

/** Longest input, UTF-16 units. */
const INPUT_LENGTH_MAX = 1024 * 1024;

/** `ccos rtfs repl`. */
export const rtfsRepl: Command = {
  name: "rtfs repl",
  usage: `rtfs repl ${RIGHTS_USAGE} ${MODULE_USAGE} ${LIMITS_USAGE}`,
  summary: "Talk to the language: definitions stay, :help lists the commands",

  async run(args, io) {
    const parsed = parseCommand(rtfsRepl, args, {
      ...RIGHTS_OPTIONS,
      ...MODULE_OPTIONS,
      ...LIMIT_OPTIONS,
    });
    if (parsed.positionals.length > 0) throw usageError(rtfsRepl, "use :load FILE inside");
    if (io.json) throw usageError(rtfsRepl, "for JSON use `ccos rtfs eval --batch`");
    const evaluator = createEvaluator({
      job: "eval",
      world: io.world,
      limits: limitsOf(rtfsRepl, parsed),
      warn: (text) => io.say(`warning: ${printable(text)}`),
    });
    try {
      const rights = await rightsOf(parsed, io);
      const files = new ModuleFiles(io, parsed, "<input>");
      return await new Repl(io, evaluator, { rights, files }).run();
    } finally {
      await evaluator.stop();
    }
  },
};

class Repl implements ReplHands {
  readonly session: ReplSession;
  readonly cwd: string;
  readonly show: (text: string) => void;
  readonly say: (text: string) => void;
  readonly #io: Io;
  readonly #evaluator: Evaluator;
  readonly #files: ModuleFiles;
  readonly #isTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  #pending = "";
  #running: AbortController | null = null;
  #hasFailed = false;

  constructor(
    io: Io,
    evaluator: Evaluator,
    { rights, files }: { readonly rights: JsonObject; readonly files: ModuleFiles },
  ) {
    this.#io = io;
    this.cwd = io.cwd;
    this.show = (text) => io.out(text);
    this.say = (text) => io.say(text);
    this.#evaluator = evaluator;
    this.#files = files;
    this.session = new ReplSession(rights);
  }

  /** @returns the exit code: from a pipe 1 when any input failed. */
  async run(): Promise<number> {
    const history = this.#isTerminal ? await loadHistory(this.#io.world.stateDir) : [];
    const reader = createInterface({
      input: process.stdin,
      output: this.#isTerminal ? process.stderr : undefined,
      terminal: this.#isTerminal,
      history: [...history],
      historySize: 1_000,
      removeHistoryDuplicates: true,
      completer: (line: string) => this.#complete(line),
    } as Parameters<typeof createInterface>[0]);
    reader.on("SIGINT", () => this.#interrupt(reader));
    this.#io.signal.addEventListener("abort", () => reader.close(), { once: true });
    if (this.#isTerminal) this.say("RTFS. :help lists the commands, Ctrl-D ends.");
    try {
      await this.#converse(reader);
    } finally {
      reader.close();
      const lines = (reader as Interface & { history?: readonly string[] }).history ?? [];
      if (this.#isTerminal) await saveHistory(this.#io.world.stateDir, lines);
    }
    if (this.#io.signal.aborted) return 130;
    return this.#hasFailed && !this.#isTerminal ? 1 : 0;
  }

  async #converse(reader: Interface): Promise<void> {
    this.#prompt(reader);
    for await (const line of reader) {
      if ((await this.#line(line)) === "quit") return;
      this.#prompt(reader);
    }
    if (this.#pending.trim() !== "") await this.#settle(this.evaluate(this.#pending));
  }

  #prompt(reader: Interface): void {
    if (!this.#isTerminal) return;
    reader.setPrompt(this.#pending === "" ? "rtfs> " : "  ... ");
    reader.prompt();
  }

  async #line(line: string): Promise<void | "quit"> {
    const command = this.#pending === "" ? /^\s*:([a-z]+)(?:\s+(.*))?$/.exec(line) : null;
    const found = REPL_COMMANDS.find(({ name }) => name === command?.[1]);
    if (found !== undefined) {
      const result = await this.#settle(found.run(command?.[2] ?? "", this));
      return result === "quit" ? "quit" : undefined;
    }
    const text = this.#pending === "" ? line : `${this.#pending}\n${line}`;
    if (text.length > INPUT_LENGTH_MAX) {
      this.#pending = "";
      this.say("The input is over 1 MiB: it is dropped");
      this.#hasFailed = true;
    } else if (isIncomplete(text)) this.#pending = text;
    else {
      this.#pending = "";
      if (text.trim() !== "") await this.#settle(this.evaluate(text));
    }
  }

  /** A failure is shown; the conversation goes on. */
  async #settle(work: Promise<boolean | "quit">): Promise<boolean | "quit"> {
    try {
      const result = await work;
      if (result === false) this.#hasFailed = true;
      return result;
    } catch (cause) {
      if (!(cause instanceof CcosError)) throw cause;
      this.say(renderError(cause));
      this.#hasFailed = true;
      return false;
    }
  }

  async evaluate(source: string): Promise<boolean> {
    const { session } = this;
    const file = session.open(source);
    if (session.settings.ir) await showNodes(source, this);
    const started = performance.now();
    this.#running = new AbortController();
    const signal = AbortSignal.any([this.#running.signal, this.#io.signal]);
    try {
      const request = session.request(file, source);
      const context = { files: this.#files, signal };
      const reply = await askWithModules<TrialAnswer>(this.#evaluator, request, context);
      const answer = reply.ok
        ? reply.value
        : { ok: false as const, error: reply.error, others: [] };
      if (session.settings.timing) this.say(`${(performance.now() - started).toFixed(1)} ms`);
      if (!answer.ok) {
        const marks = marksFor(this.#io.terminal);
        for (const error of [answer.error, ...answer.others])
          this.say(
            renderProblem(
              error,
              (name) => session.sourceOf(name) ?? this.#files.sourceOf(name),
              marks,
            ),
          );
        return false;
      }
      await writeOut(`${answer.value}\n`);
      if (session.settings.types) this.say(`: ${answer.kind}`);
    } finally {
      this.#running = null;
    }
    if (!session.remember(file, source)) this.say("Too much is defined here: this is not kept");
    return true;
  }

  #interrupt(reader: Interface): void {
    if (this.#running !== null) return this.#running.abort();
    if (this.#pending === "" && reader.line === "") this.say("\nCtrl-D or :quit ends");
    this.#pending = "";
    // Clear what was typed on this line.
    reader.write(null, { ctrl: true, name: "e" });
    reader.write(null, { ctrl: true, name: "u" });
    this.#prompt(reader);
  }

  #complete(line: string): [string[], string] {
    const command = /^:([a-z]*)$/.exec(line);
    if (command !== null) {
      const names = REPL_COMMANDS.map(({ name }) => `:${name}`);
      return [names.filter((name) => name.startsWith(line)), line];
    }
    const before = `${this.session.text()}\n`;
    const assistant = new Assistant(before, "in");
    const prefix = /[^\s()[\]{}"',;`~^]*$/.exec(line.slice(-256))?.[0] ?? "";
    if (prefix === "") return [[], ""];
    return [assistant.namesFrom(prefix).slice(0, 100), prefix];
  }
}
