/**
 * Macros and modules: expansion ends, gives the same each time, and what it made does what the program
 * does; heads that become macros change nothing.
 */
import {
  compileProgram,
  expandForms,
  expandFormOnce,
  MacroRegistry,
  printForm,
  type Program,
  readForms,
  referenceEngine,
} from "../../../src/rtfs/index.ts";
import { checkPlaces, observe, optionsOf, programOf } from "../observe.ts";
import { freshProgram, lawTexts } from "../start.ts";
import { holds, same, type Random, type Target } from "../target.ts";

/** Heads that get a macro of the same length, so that every place stays where it is. */
const HEADS = [
  ..."if let fn match try for do step dotimes if-let cond and or call defn def".split(" "),
  ..."inc dec count map filter reduce str conj assoc not range nth".split(" "),
];
const macroName = (head: string): string => head.slice(0, -1) + head.at(-1)!.toUpperCase();
/** Ways to write the same macro: by one splice, by several, by plain parts. */
const BODIES = [
  "[& parts] `(HEAD ~@parts)",
  "[& parts] `(HEAD ~@(take 1 parts) ~@[] ~@[] ~@(drop 1 parts))",
  "[& parts] (cons 'HEAD parts)",
  "[one & more] `(HEAD ~one ~@more)",
];
const MACROS = HEADS.map((head, at) => {
  const body = BODIES[at % BODIES.length]!.replace("HEAD", head);
  return `(defmacro ${macroName(head)} ${body})`;
}).join(" ");
/** Heads with at least one part, which some of the macros need. */
const HEAD = new RegExp(`(?<=\\()(${HEADS.join("|")})(?= [^\\s);])`, "g");
/** Where a head may be data, or its macro may not be known. */
const NOT_PLAIN = /['`~"^#]|quote|macro|module|import|defstruct|deftype|:compat/;

const run = (program: Program): string => {
  const { trace, end } = observe(program, { engine: referenceEngine });
  return `${trace}\n${end}`;
};

function checkHeads(text: string): void {
  if (NOT_PLAIN.test(text)) return;
  const registry = new MacroRegistry();
  const macros = readForms(MACROS, { file: "macros" });
  holds("the macros are defined", macros.ok && compileProgram(macros.value, { registry }).ok);
  const plain = programOf(text);
  const used = programOf(text.replaceAll(HEAD, macroName), { ...optionsOf(text), registry });
  // What nests deep is within the limits of the language, and over those of macros.
  if (used.program === null && /^MacroError Macros (?:expand|make|need)/.test(used.refusal)) return;
  same(
    "macros for heads refuse what the heads refuse",
    used.program === null,
    plain.program === null,
  );
  if (plain.program === null || used.program === null) return;
  same("macros for heads do what the heads do", run(used.program), run(plain.program));
}

/** A name that a program binds itself hides a macro of that name. */
function checkHidden(text: string, plain: Program): void {
  if (NOT_PLAIN.test(text)) return;
  const locals = new Set(text.match(/\b[hpvxmy]\d+\b/g));
  for (const [, name] of text.matchAll(/\(defn? (\S+)/g)) locals.delete(name!);
  const decoys = [...locals].map((name) => `(defmacro ${name} [& r] :decoy)`).join(" ");
  const registry = new MacroRegistry();
  const macros = readForms(decoys, { file: "macros" });
  holds("the decoys are defined", macros.ok && compileProgram(macros.value, { registry }).ok);
  const { program } = programOf(text, { ...optionsOf(text), registry });
  same("a local name hides a macro", program === null ? "refused" : run(program), run(plain));
}

function check(text: string): readonly string[] {
  const read = readForms(text, { file: "case" });
  if (!read.ok) return [`read ${read.error[0]!.code}`];
  const options = optionsOf(text);
  for (const form of read.value.slice(0, 2)) expandFormOnce(form, new MacroRegistry());
  const once = expandForms(read.value, options);
  const again = expandForms(read.value, options);
  same("expansion is deterministic", again, once);
  if (!once.ok) {
    checkPlaces(text, once.error);
    const { message } = once.error[0]!;
    return [`expand ${message.replaceAll(/[`"].*?[`"]|\d+/g, "").slice(0, 60)}`];
  }
  const compiled = programOf(text);
  if (compiled.program === null) return [compiled.refusal];
  const { outcome } = observe(compiled.program, { engine: referenceEngine });
  checkHeads(text);
  checkHidden(text, compiled.program);
  const size = Math.round(Math.log2(once.value.forms.map(printForm).join(" ").length + 1));
  return [`${outcome.ok ? "value" : outcome.error.kind} ${size}`];
}

const FRESH_MACROS = [
  "(defmacro m [x & r] `(let [a# ~x] (+ a# ~@r)))",
  "(defmacro n [x] (if (> (count (str x)) 20) x `(n (do ~x ~x))))",
  "(defmacro w [c & body] `(if ~c (do ~@body) nil))",
  "(defmacro q [{:keys [a b]} [c & d]] `[~a ~b ~c ~@d])",
  "(defmacro d [name v] `(defn ~name [x] (+ x ~v)))",
];
const USES = [
  "(m 1 2)",
  "(n 1)",
  "(w true 1 2)",
  "(q {:a 1 :b 2} [3 4])",
  "(d zz 3)",
  "(m (m 1 2) 3)",
];

export const macros: Target = {
  name: "rtfs-macros",
  lengthMax: 4000,
  seeds: () => [
    ...lawTexts("macros"),
    ...lawTexts("modules"),
    ...lawTexts("forms"),
    ...FRESH_MACROS.flatMap((macro) => USES.map((use) => `${macro}\n${use}`)),
  ],
  fresh: (random: Random) =>
    `${random() < 0.4 ? FRESH_MACROS.join("\n") : ""}\n${freshProgram(random)}`.trim(),
  check,
};
