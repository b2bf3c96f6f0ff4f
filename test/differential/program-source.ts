/**
 * Programs at random, as source text: small, mostly well-typed, with every core form.
 *
 * Read in this order: programSource, Source.expression. A seed gives one program for ever. Names in
 * reach are kept per kind of value, so that most programs get far before they fail, if they fail at
 * all; about one expression in thirty is of the wrong kind on purpose.
 */

type Kind = "int" | "bool" | "text" | "vector" | "map" | "any";

interface Named {
  readonly name: string;
  readonly kind: Kind;
}

interface Function_ {
  readonly name: string;
  readonly arity: number;
}

/** A program of about `size` × 10 forms. */
export function programSource(seed: number, size: number): string {
  return new Source(seed).program(size);
}

/** Mulberry32: small, and the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const INTS = [
  "0",
  "1",
  "2",
  "-1",
  "3",
  "7",
  "100",
  "2147483647",
  "-2147483648",
  "9007199254740991",
  "9007199254740993",
  "9223372036854775807",
  "-9223372036854775808",
  "1.5",
  "-0.0",
  "2.0",
];

class Source {
  readonly #random: () => number;
  #names = 0;
  #steps = 0;
  #locals: Named[] = [];
  #functions: Function_[] = [];
  /** Inside a function: what a tail call of it looks like. */
  #self: Function_ | null = null;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)]!;
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #fresh(letter: string): string {
    return `${letter}${this.#names++}`;
  }

  program(size: number): string {
    const forms: string[] = [];
    for (let at = 0; at < size; at++) forms.push(this.#topLevel(size));
    forms.push(this.#expression(this.#kind(), 4));
    return forms.join("\n");
  }

  #topLevel(size: number): string {
    if (this.#chance(0.55)) return this.#defn(3 + Math.floor(size / 3));
    const kind = this.#kind();
    const name = this.#fresh("g");
    const text = `(def ${name} ${this.#expression(kind, 3)})`;
    this.#locals.push({ name, kind });
    return text;
  }

  #defn(depth: number): string {
    const own: Function_ = { name: this.#fresh("f"), arity: 1 + Math.floor(this.#random() * 3) };
    // Now and then it is called by functions that stand before it.
    this.#functions.push(own);
    const text = this.#functionText("defn", own, depth);
    if (!this.#chance(0.3)) return text;
    const other: Function_ = { name: this.#fresh("f"), arity: own.arity };
    const body = this.#functionText("defn", other, 2, own);
    this.#functions.push(other);
    return `${text}\n${body}`;
  }

  /** A function that counts its first parameter down, so that most recursion ends. */
  #functionText(head: string, own: Function_, depth: number, calls: Function_ = own): string {
    const params = Array.from({ length: own.arity }, () => this.#fresh("p"));
    const around = this.#locals;
    const self = this.#self;
    this.#locals = [...around, ...params.map((name) => ({ name, kind: "int" as const }))];
    this.#self = null;
    const body = this.#expression("int", depth);
    const rest = params.slice(1).map(() => this.#expression("int", 2));
    const again = `(${calls.name} ${[`(- ${params[0]} 1)`, ...rest].join(" ")})`;
    const shape = this.#random();
    const then = this.#expression("int", 2);
    let text = body;
    if (shape < 0.35) text = `(if (<= ${params[0]} 0) ${body} ${again})`;
    else if (shape < 0.5) text = `(if (<= ${params[0]} 0) ${body} (+ ${then} ${again}))`;
    else if (shape < 0.6)
      text = `(cond (> ${params[0]} 9) 1 (<= ${params[0]} 0) ${body} :else ${again})`;
    else if (shape < 0.7) text = `(let [q ${then}] (if (> ${params[0]} 0) ${again} q))`;
    this.#locals = around;
    this.#self = self;
    const name = head === "fn" ? "" : `${own.name} `;
    return `(${head} ${name}[${params.join(" ")}] ${text})`;
  }

  #kind(): Kind {
    return this.#pick(["int", "int", "int", "bool", "text", "vector", "map", "any"] as const);
  }

  #local(kind: Kind): string | null {
    const fitting = this.#locals.filter((each) => kind === "any" || each.kind === kind);
    return fitting.length === 0 ? null : this.#pick(fitting).name;
  }

  #atom(kind: Kind): string {
    const local = this.#chance(0.65) ? this.#local(kind) : null;
    if (local !== null) return local;
    switch (kind) {
      case "int":
        return this.#chance(0.75) ? `${Math.floor(this.#random() * 9)}` : this.#pick(INTS);
      case "bool":
        return this.#pick(["true", "false", "nil"]);
      case "text":
        return this.#pick(['"a"', '""', '"${x}`"', '"*/ \\u{2028}"', '"é😀"']);
      case "vector":
        return this.#pick(["[]", "[1]", "[1 2 3]", "[[1 2] [3]]"]);
      case "map":
        return this.#pick(["{}", "{:a 1}", '{:a 1 "b" 2 3 4}', "{:constructor 1 :__proto__ 2}"]);
      case "any":
        return this.#pick(["nil", ":k", "'s", "'(1 2)", "inc", "1", "[1]", "2"]);
    }
  }

  #expression(wanted: Kind, depth: number): string {
    const kind = this.#chance(0.012) ? this.#kind() : wanted;
    if (depth <= 0) return this.#atom(kind);
    const general = this.#random();
    if (general < 0.3) return this.#general(kind, depth - 1);
    switch (kind) {
      case "int":
        return this.#int(depth - 1);
      case "bool":
        return this.#bool(depth - 1);
      case "text":
        return `(str ${this.#expression("any", depth - 1)} ${this.#expression("int", depth - 1)})`;
      case "vector":
        return this.#vector(depth - 1);
      case "map":
        return this.#map(depth - 1);
      case "any":
        return this.#expression(this.#kind(), depth - 1);
    }
  }

  #int(depth: number): string {
    const int = (): string => this.#expression("int", depth);
    const choice = this.#random();
    if (choice < 0.45) {
      const operator = this.#pick(["+", "-", "*", "/", "mod", "+", "-", "max", "min"]);
      return this.#chance(0.1)
        ? `(${operator} ${int()} ${int()} ${int()})`
        : `(${operator} ${int()} ${int()})`;
    }
    if (choice < 0.55) return `(${this.#pick(["inc", "dec", "abs"])} ${int()})`;
    if (choice < 0.75 && this.#functions.length > 0) return this.#callByName(depth);
    if (choice < 0.82) return `(count ${this.#expression("vector", depth)})`;
    if (choice < 0.88) return `(:a ${this.#expression("map", depth)} ${int()})`;
    if (choice < 0.93) {
      return `(reduce ${this.#pick(["+", "(fn [a b] (+ a (* 2 b)))", "max"])} ${int()} ${this.#expression("vector", depth)})`;
    }
    if (choice < 0.97) return `(call :n ${int()} ${this.#expression("any", depth)})`;
    return `(nth ${this.#expression("vector", depth)} ${int()} ${int()})`;
  }

  #callByName(depth: number): string {
    const { name, arity } = this.#pick(this.#functions);
    const count = this.#chance(0.02) ? arity + 1 : arity;
    const args = Array.from({ length: count }, (_, at) =>
      at === 0 ? `${Math.floor(this.#random() * 6)}` : this.#expression("int", depth),
    );
    return `(${name} ${args.join(" ")})`;
  }

  #bool(depth: number): string {
    const int = (): string => this.#expression("int", depth);
    const bool = (): string => this.#expression("bool", depth);
    const choice = this.#random();
    if (choice < 0.4) return `(${this.#pick(["<", ">", "<=", ">=", "=", "!="])} ${int()} ${int()})`;
    if (choice < 0.6) return `(${this.#pick(["and", "or"])} ${bool()} ${bool()} ${bool()})`;
    if (choice < 0.7) return `(not ${bool()})`;
    if (choice < 0.85)
      return `(= ${this.#expression("any", depth)} ${this.#expression("any", depth)})`;
    return `(${this.#pick(["even?", "zero?", "pos?"])} ${int()})`;
  }

  #vector(depth: number): string {
    const choice = this.#random();
    const vector = (): string => this.#expression("vector", depth);
    if (choice < 0.35) {
      return `[${Array.from({ length: Math.floor(this.#random() * 4) }, () => this.#expression("int", depth)).join(" ")}]`;
    }
    if (choice < 0.55) return `(map ${this.#callback(depth)} ${vector()})`;
    if (choice < 0.65)
      return `(filter ${this.#pick(["even?", "(fn [x] (> x 1))", "pos?"])} ${vector()})`;
    if (choice < 0.75) return `(range ${Math.floor(this.#random() * 6)})`;
    if (choice < 0.85) return `(conj ${vector()} ${this.#expression("int", depth)})`;
    const name = this.#fresh("x");
    const source = vector();
    const second = this.#chance(0.4) ? ` ${this.#fresh("y")} ${vector()}` : "";
    return this.#with(
      { name, kind: "int" },
      () => `(for [${name} ${source}${second}] ${this.#expression("int", depth)})`,
    );
  }

  #callback(depth: number): string {
    const name = this.#fresh("x");
    return this.#with({ name, kind: "int" }, () =>
      this.#pick([
        "inc",
        "(fn [& xs] (count xs))",
        `(fn [${name}] ${this.#expression("int", depth)})`,
        `#(+ % ${this.#expression("int", 0)})`,
      ]),
    );
  }

  #map(depth: number): string {
    const value = (): string => this.#expression("int", depth);
    if (this.#chance(0.5))
      return `{:a ${value()} :b ${this.#expression("any", depth)} "c" ${value()}}`;
    return `(assoc ${this.#expression("map", depth)} ${this.#pick([":a", '"b"', "3"])} ${value()})`;
  }

  #with(local: Named, write: () => string): string {
    const around = this.#locals;
    this.#locals = [...around, local];
    const text = write();
    this.#locals = around;
    return text;
  }

  /** Forms that take the kind of what is inside them. */
  #general(kind: Kind, depth: number): string {
    const inside = (): string => this.#expression(kind, depth);
    const bool = (): string => this.#expression("bool", depth);
    const name = this.#fresh("v");
    const choice = this.#random();
    if (choice < 0.2) return `(if ${bool()} ${inside()} ${inside()})`;
    if (choice < 0.4) {
      const own = this.#kind();
      const value = this.#expression(own, depth);
      return `(let [${name} ${value}] ${this.#with({ name, kind: own }, inside)})`;
    }
    if (choice < 0.47) return `(do ${this.#expression("any", depth)} ${inside()})`;
    if (choice < 0.55) return this.#localFunction(kind, depth);
    if (choice < 0.63) return this.#match(kind, depth);
    if (choice < 0.72) return this.#try(kind, depth);
    if (choice < 0.78) {
      return `(let [[${name} & r${name} :as w${name}] ${this.#expression("vector", depth)}] ${this.#with({ name, kind: "int" }, inside)})`;
    }
    if (choice < 0.83) {
      return `(let [{:keys [${name}] :or {${name} ${this.#expression("int", depth)}}} ${this.#expression("map", depth)}] ${this.#with({ name, kind: "int" }, inside)})`;
    }
    if (choice < 0.88) return `(step "s${this.#steps++}" ${inside()})`;
    if (choice < 0.93) {
      return `(dotimes [${name} ${Math.floor(this.#random() * 4)}] ${this.#with({ name, kind: "int" }, inside)})`;
    }
    if (choice < 0.96)
      return `(if-let [${name} ${this.#expression("any", depth)}] ${inside()} ${inside()})`;
    return `(let [${name} : int ${this.#expression("int", depth)}] ${inside()})`;
  }

  #localFunction(kind: Kind, depth: number): string {
    const own: Function_ = { name: this.#fresh("h"), arity: 1 + Math.floor(this.#random() * 2) };
    const text = this.#functionText("fn", own, depth);
    const around = this.#functions;
    this.#functions = [...around, own];
    const body = this.#expression(kind, depth);
    const call = this.#chance(0.7) ? this.#callLast(own, depth) : own.name;
    this.#functions = around;
    return `(let [${own.name} ${text}] (do ${call} ${body}))`;
  }

  #callLast({ name, arity }: Function_, depth: number): string {
    const args = Array.from({ length: arity }, () => this.#expression("int", depth));
    return `(${name} ${args.join(" ")})`;
  }

  #match(kind: Kind, depth: number): string {
    const inside = (): string => this.#expression(kind, depth);
    const name = this.#fresh("m");
    const bound = (write: () => string): string => this.#with({ name, kind: "int" }, write);
    const clauses = [
      `1 ${inside()}`,
      `[${name} 2] ${bound(inside)}`,
      `[${name} & r${name}] ${bound(inside)}`,
      `{:a ${name}} ${bound(inside)}`,
      `(:int ${name}) ${bound(inside)}`,
      `${name} when ${bound(() => this.#expression("bool", depth))} ${bound(inside)}`,
      `(:as ${name} [1 _]) ${bound(inside)}`,
    ].filter(() => this.#chance(0.4));
    const last = this.#chance(0.9) ? ` _ ${inside()}` : "";
    return `(match ${this.#expression("any", depth)} ${clauses.join(" ")}${last === "" && clauses.length === 0 ? `1 ${inside()}` : last})`;
  }

  #try(kind: Kind, depth: number): string {
    const inside = (): string => this.#expression(kind, depth);
    const failing = this.#pick([
      inside(),
      `(throw "no")`,
      `(throw {:type :mine :at ${this.#atom("int")}})`,
      `(+ 1 ${this.#expression("any", depth)})`,
    ]);
    const type = this.#pick([
      "_",
      "TypeError",
      "RuntimeError",
      ":mine",
      "ArithmeticOverflow",
      ":type-error",
    ]);
    const last = this.#chance(0.4) ? ` (finally ${this.#expression("int", depth)})` : "";
    const handler = this.#chance(0.85) || last === "" ? ` (catch ${type} e ${inside()})` : "";
    return `(try ${failing}${handler}${last})`;
  }
}
