/**
 * What `:word` does in the REPL: one row for each command.
 *
 * @module
 */
import {
  Assistant,
  compileProgram,
  describeBuiltin,
  dumpForms,
  dumpProgram,
  expandForms,
  type Form,
  formatSource,
  outlinePlan,
  printForm,
  readForms,
} from "../../rtfs/index.ts";
import { readSource } from "../inputs.ts";
import { parseStub } from "./repl-stubs.ts";
import type { ReplSession } from "./repl-session.ts";

export interface ReplHands {
  readonly session: ReplSession;
  readonly cwd: string;
  /** To the result's stream, one or more lines. */
  readonly show: (text: string) => void;
  /** A message of ours. */
  readonly say: (text: string) => void;
  /** Evaluate an input as if typed, without keeping it in the history. */
  evaluate(source: string): Promise<boolean>;
}

export interface ReplCommand {
  readonly name: string;
  readonly usage: string;
  readonly doc: string;
  /** @returns False when it failed; `quit` ends the conversation. */
  run(rest: string, hands: ReplHands): Promise<boolean | "quit">;
}

export const REPL_COMMANDS: readonly ReplCommand[] = [
  {
    name: "help",
    usage: ":help",
    doc: "This list",
    async run(_rest, hands) {
      const width = Math.max(...REPL_COMMANDS.map(({ usage }) => usage.length));
      for (const { usage, doc } of REPL_COMMANDS) hands.show(`${usage.padEnd(width)}  ${doc}`);
      hands.show("Anything else is RTFS; an open bracket continues on the next line");
      return true;
    },
  },
  { name: "doc", usage: ":doc NAME", doc: "What a name is and does", run: documentation },
  {
    name: "type",
    usage: ":type EXPR",
    doc: "The kind of an expression's value",
    run: (rest, hands) => hands.evaluate(`(type-name ${rest}\n)`),
  },
  {
    name: "ast",
    usage: ":ast EXPR",
    doc: "The forms that the reader makes",
    run: (rest, hands) => withForms(rest, hands, (forms) => dumpForms(forms)),
  },
  {
    name: "ir",
    usage: ":ir EXPR",
    doc: "The nodes that run",
    run: showNodes,
  },
  {
    name: "expand",
    usage: ":expand EXPR",
    doc: "The expression after its macros",
    run: (rest, hands) => withForms(rest, hands, (forms) => expansionOf(forms, hands)),
  },
  {
    name: "effects",
    usage: ":effects EXPR",
    doc: "The capabilities that an expression can call",
    run: (rest, hands) => withForms(rest, hands, (forms) => effectsOf(forms, hands)),
  },
  {
    name: "security",
    usage: ":security EXPR",
    doc: "The least level that lets it run: pure, controlled or full",
    run: (rest, hands) => withForms(rest, hands, (forms) => securityOf(forms, hands)),
  },
  {
    name: "explain",
    usage: ":explain EXPR",
    doc: "The expression after its macros, what it can call, and the level it needs",
    async run(rest, hands) {
      for (const work of [expansionOf, effectsOf, securityOf]) {
        if (!(await withForms(rest, hands, (forms) => work(forms, hands)))) return false;
      }
      return true;
    },
  },
  {
    name: "info",
    usage: ":info",
    doc: "What is defined and set",
    async run(_rest, { session, show }) {
      const { rights, types, ir, timing } = session.settings;
      const names = new Assistant(session.text(), "in").globals().map(({ name }) => name);
      show(`definitions  ${session.size}${names.length === 0 ? "" : `: ${names.join(" ")}`}`);
      show(`rights       ${JSON.stringify(rights)}`);
      show(`show         types ${onOff(types)}, ir ${onOff(ir)}, timing ${onOff(timing)}`);
      return true;
    },
  },
  {
    name: "set",
    usage: ":set types|ir|timing on|off · level WORD · allow ID,… · stub ID STUB",
    doc: "What is shown, what may be called, what answers",
    run: set,
  },
  {
    name: "format",
    usage: ":format EXPR",
    doc: "The text in the house layout",
    async run(rest, { say, show }) {
      const text = formatSource(rest);
      if (text.ok) show(text.value);
      else say(text.error.map(({ message }) => message).join("\n"));
      return text.ok;
    },
  },
  { name: "load", usage: ":load FILE", doc: "Evaluate a file as if typed", run: load },
  { name: "quit", usage: ":quit", doc: "End; so does Ctrl-D", run: async () => "quit" },
];

function onOff(value: boolean): string {
  return value ? "on" : "off";
}

async function documentation(rest: string, { session, show, say }: ReplHands): Promise<boolean> {
  const name = rest.trim();
  const assistant = new Assistant(session.text(), "in");
  const definition = assistant.globals().findLast((each) => each.name === name) ?? null;
  const entity =
    definition === null ? describeBuiltin(name) : assistant.describe({ name, definition });
  if (entity === null) {
    say(`"${name}" is no name of this conversation, the language or the library`);
    return false;
  }
  show(`${entity.signature}   ${entity.kind}`);
  if (entity.doc !== null) show(entity.doc);
  if (entity.calls !== null && entity.calls.length > 0) show(`calls ${entity.calls.join(", ")}`);
  return true;
}

async function withForms(
  source: string,
  { say, show }: ReplHands,
  work: (forms: readonly Form[]) => string | null,
): Promise<boolean> {
  const forms = readForms(source, { file: "in" });
  if (!forms.ok) {
    say(forms.error.map(({ message }) => message).join("\n"));
    return false;
  }
  const text = work(forms.value);
  if (text !== null && text !== "") show(text);
  return text !== null;
}

/** The forms behind the definitions of the conversation; null after saying what is wrong. */
function inContext(forms: readonly Form[], { session, say }: ReplHands): readonly Form[] | null {
  const before = readForms(session.text(), { file: "in" });
  if (before.ok) return [...before.value, ...forms];
  say(before.error[0]?.message ?? "The definitions cannot be read");
  return null;
}

/** The nodes of an input that follows the definitions of the conversation. */
export function showNodes(source: string, hands: ReplHands): Promise<boolean> {
  return withForms(source, hands, (forms) => nodesOf(forms, hands));
}

function nodesOf(forms: readonly Form[], hands: ReplHands): string | null {
  const all = inContext(forms, hands);
  const program = all === null ? null : compileProgram(all);
  if (program === null || program.ok)
    return program === null ? null : dumpProgram(program.value, forms.length);
  hands.say(program.error.map(({ message }) => message).join("\n"));
  return null;
}

function expansionOf(forms: readonly Form[], hands: ReplHands): string | null {
  const all = inContext(forms, hands);
  const program = all === null ? null : expandForms(all);
  if (program === null) return null;
  if (program.ok) return program.value.forms.slice(-forms.length).map(printForm).join("\n");
  hands.say(program.error.map(({ message }) => message).join("\n"));
  return null;
}

/** Ids in order; `?` for a computed one; null after saying what is wrong. */
function capabilitiesOf(forms: readonly Form[], hands: ReplHands): readonly string[] | null {
  const all = inContext(forms, hands);
  const outline = all === null ? null : outlinePlan(all);
  if (outline === null) return null;
  if (!outline.ok) {
    hands.say(outline.error.map(({ message }) => message).join("\n"));
    return null;
  }
  const sites = [...outline.value.topCalls, ...outline.value.steps.flatMap(({ calls }) => calls)];
  return [...new Set(sites.map(({ capability }) => capability ?? "?"))].toSorted();
}

function effectsOf(forms: readonly Form[], hands: ReplHands): string | null {
  const ids = capabilitiesOf(forms, hands);
  if (ids === null) return null;
  return ids.length === 0 ? "pure: it calls nothing" : `calls ${ids.join(", ")}`;
}

/** Reading and asking is controlled; the network, the system and what nobody knows is full. */
const CONTROLLED = /^ccos\.(?:io|user|data|json|math|state|echo)(?:\.|$)|^ccos\.system\.get-env$/;

function securityOf(forms: readonly Form[], hands: ReplHands): string | null {
  const ids = capabilitiesOf(forms, hands);
  if (ids === null) return null;
  if (ids.length === 0) return "pure: it calls nothing";
  const full = ids.filter((id) => !CONTROLLED.test(id));
  const because = full.length === 0 ? ids : full;
  return `${full.length === 0 ? "controlled" : "full"}: it calls ${because.join(", ")}`;
}

async function set(rest: string, { session, say }: ReplHands): Promise<boolean> {
  const [what = "", ...words] = rest.trim().split(/\s+/);
  const value = words.join(" ");
  const { settings } = session;
  if ((what === "types" || what === "ir" || what === "timing") && /^(?:on|off)$/.test(value)) {
    settings[what] = value === "on";
    return true;
  }
  if (what === "level" && /^(?:pure|controlled|full)$/.test(value)) {
    settings.rights["level"] = value;
    return true;
  }
  if (what === "allow" && value !== "") {
    settings.rights["allow"] = value.split(/[\s,]+/);
    return true;
  }
  const stub = what === "stub" ? parseStub(words[0] ?? "", words.slice(1).join(" ")) : null;
  if (stub === null) {
    say("Usage: :set types|ir|timing on|off, :set level pure|controlled|full, :set allow ID,…,");
    say("       :set stub ID returns VALUE | echo first|all | fails Kind");
    return false;
  }
  const stubs = settings.rights["stubs"] as Record<string, never> | null | undefined;
  settings.rights["stubs"] = { ...stubs, ...stub };
  return true;
}

async function load(rest: string, hands: ReplHands): Promise<boolean> {
  return await hands.evaluate(await readSource(hands.cwd, rest.trim()));
}
