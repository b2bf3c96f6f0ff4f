/**
 * Mutants of a text of the language: forms moved, taken from another text, wrapped and cut, numbers
 * at their limits, damaged characters.
 *
 * Read in this order: tokensOf, Draft, mutate. A token is a bracket, an atom, a string, a comment or
 * what is between; brackets that match make a form.
 *
 * @module
 */
import type { Random } from "./target.ts";

const TOKEN = /"(?:[^"\\]|\\[^])*"?|;[^\n]*|[()[\]{}]|[\s,]+|[^\s,()[\]{}";]+/g;
const OPENERS = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
]);

export function tokensOf(text: string): string[] {
  return text.match(TOKEN) ?? [];
}

/** A form by its tokens: `to` is behind its last. */
interface Range {
  readonly from: number;
  readonly to: number;
}

const isGap = (token: string): boolean => /^[\s,;]/.test(token);

/** Every form and atom of the tokens. */
export function formsOf(tokens: readonly string[]): Range[] {
  const forms: Range[] = [];
  const open: number[] = [];
  for (const [at, token] of tokens.entries()) {
    if (OPENERS.has(token)) open.push(at);
    else if (/^[)\]}]$/.test(token)) {
      const from = open.pop();
      if (from !== undefined) forms.push({ from, to: at + 1 });
    } else if (!isGap(token)) forms.push({ from: at, to: at + 1 });
  }
  return forms;
}

export function pick<T>(items: readonly T[], random: Random): T {
  return items[Math.floor(random() * items.length)]!;
}

const WRAPPERS = [
  "(do X)",
  "(do X X)",
  "(let [x X] x)",
  "(let [[a & b] X] [a b])",
  "(let [{:keys [a b]} X] [a b])",
  "((fn [x] x) X)",
  "(if X 1 2)",
  "(try X (catch _ e e))",
  "(try X (finally 1))",
  "(map (fn [x] X) [1 2 3])",
  "(match X 1 1 [a] a {:a a} a _ 0)",
  '(step "s" X)',
  "[X X]",
  "{:a X}",
  "(call :n X)",
  "(loop [i 3] (if (= i 0) X (recur (- i 1))))",
  "(dotimes [i 3] X)",
  "(+ 1 X)",
  "(str X)",
  "(defn f [x] X)",
  "(and X X)",
  "(fn [& r] X)",
  "'X",
  "`X",
  "~X",
  "~@X",
  "(defmacro m [x] `(do ~x X))",
  "(throw X)",
  "^{:a 1} X",
  "#(X %)",
];
const NUMBERS =
  "0 1 -1 2 3 20 64 255 1000 2147483647 -2147483648 4294967296 9007199254740991 9007199254740992 9223372036854775807 -9223372036854775808 0.0 -0.0 0.5 1.5 1e300 -1e300 5e-324 ##Inf ##-Inf ##NaN".split(
    " ",
  );
const DAMAGE = [
  ...Array.from("()[]{}\"';`~@^#|\\:%&/.*\n\r\0 1a-?"),
  "",
  "#|",
  "|#",
  "\u202e",
  "\ud800",
  "é",
];

/** A text while it is changed. */
class Draft {
  tokens: string[];
  readonly #donor: readonly string[];
  readonly #random: Random;

  constructor(text: string, donor: string, random: Random) {
    this.tokens = tokensOf(text);
    this.#donor = tokensOf(donor);
    this.#random = random;
  }

  #form(tokens: readonly string[] = this.tokens): Range {
    const forms = formsOf(tokens);
    return forms.length === 0 ? { from: 0, to: 0 } : pick(forms, this.#random);
  }

  /** A form of this text, or more rarely of the other. */
  #piece(own: number): string[] {
    const tokens = this.#random() < own ? this.tokens : this.#donor;
    const { from, to } = this.#form(tokens);
    return tokens.slice(from, to);
  }

  #replace({ from, to }: Range, by: readonly string[]): void {
    this.tokens = [...this.tokens.slice(0, from), ...by, ...this.tokens.slice(to)];
  }

  #text({ from, to }: Range): string {
    return this.tokens.slice(from, to).join("");
  }

  /** One change at random. */
  change(): void {
    const at = this.#form();
    const choice = Math.floor(this.#random() * 14);
    if (choice <= 2) return this.#replace(at, this.#piece(0.4));
    if (choice === 3) return this.#atom();
    if (choice === 4) return this.#replace(at, []);
    if (choice === 5) return this.#replace(at, [this.#text(at), " ", this.#text(at)]);
    if (choice === 6) return this.#swap();
    if (choice <= 8) return this.#replace(at, this.#wrapped(this.#text(at)));
    if (choice === 9) return this.#replace(at, [this.#text(at), " ", ...this.#piece(0.2)]);
    if (choice === 10) return this.#unwrap(at);
    if (choice === 11) return this.#number();
    if (choice === 12) return this.#joinDonor();
    return this.#nest(at);
  }

  #atom(): void {
    const atoms = formsOf(this.tokens).filter(({ from, to }) => to === from + 1);
    const others = formsOf(this.#donor).filter(({ from, to }) => to === from + 1);
    const [one, other] = [pick(atoms, this.#random), pick(others, this.#random)];
    if (one === undefined) return;
    const isOwn = this.#random() < 0.6 || other === undefined;
    this.tokens[one.from] = isOwn
      ? this.tokens[pick(atoms, this.#random).from]!
      : this.#donor[other.from]!;
  }

  #swap(): void {
    const [one, two] = [this.#form(), this.#form()].toSorted((a, b) => a.from - b.from) as [
      Range,
      Range,
    ];
    if (one.to > two.from) return;
    const [first, second] = [this.tokens.slice(one.from, one.to), this.#text(two)];
    this.#replace(two, first);
    this.#replace(one, [second]);
  }

  #wrapped(text: string): string[] {
    return tokensOf(pick(WRAPPERS, this.#random).replaceAll("X", () => text));
  }

  #unwrap(outer: Range): void {
    const inner = formsOf(this.tokens.slice(outer.from + 1, outer.to - 1));
    if (inner.length === 0) return;
    const { from, to } = pick(inner, this.#random);
    const offset = outer.from + 1;
    this.#replace(outer, this.tokens.slice(from + offset, to + offset));
  }

  #number(): void {
    const places = this.tokens.flatMap((token, at) => (/^-?\d/.test(token) ? [at] : []));
    if (places.length === 0) return;
    const at = pick(places, this.#random);
    const near = String(Number.parseInt(this.tokens[at]!, 10) + (this.#random() < 0.5 ? 1 : -1));
    this.tokens[at] = this.#random() < 0.4 ? near : pick(NUMBERS, this.#random);
  }

  #joinDonor(): void {
    const isBefore = this.#random() < 0.5;
    this.tokens = isBefore
      ? [...this.#donor, "\n", ...this.tokens]
      : [...this.tokens, "\n", ...this.#donor];
  }

  /** Deep, now and then: most nesting limits are a few hundred. */
  #nest(at: Range): void {
    const [before, after] = pick(
      [
        ["[", "]"],
        ["(do ", ")"],
        ["(inc ", ")"],
        ["(if true ", " 1)"],
        ["(let [x 1] ", ")"],
        ["(fn [] ", ")"],
        ["{:a ", "}"],
        ["'", ""],
        ["[:vector ", "]"],
        ["(", ")"],
      ] as const,
      this.#random,
    );
    const times = this.#random() < 0.8 ? 2 : Math.floor(this.#random() * 900);
    const text = `${before.repeat(times)}${this.#text(at)}${after.repeat(times)}`;
    this.#replace(at, tokensOf(text));
  }
}

/** A text near `text`, with pieces of `donor`. */
export function mutate(text: string, donor: string, random: Random): string {
  const draft = new Draft(text, donor, random);
  const changes = 1 + Math.floor(random() ** 2 * 5);
  for (let count = 0; count < changes; count++) draft.change();
  return draft.tokens.join("");
}

/** A text near `text` with characters changed, cut, repeated. */
export function damage(text: string, donor: string, random: Random): string {
  if (random() < 0.5) return mutate(text, donor, random);
  const at = Math.floor(random() * (text.length + 1));
  const cut = Math.floor(random() ** 3 * 12);
  const times = random() < 0.95 ? 1 : Math.floor(random() * 600);
  return text.slice(0, at) + pick(DAMAGE, random).repeat(times) + text.slice(at + cut);
}
