/**
 * Vectors and maps of the language beside what a program in JavaScript would use: the mutable
 * natives, and the persistent collections of `immutable`.
 *
 *   node bench/rtfs-collections.ts [ROUNDS] [--json FILE]
 *
 * Every round runs every row once, in turn. Medians of nanoseconds an operation, and ratios inside
 * this run only.
 */
import { List as ImmutableList, Map as ImmutableMap, OrderedMap } from "immutable";
import { BUILTINS } from "../src/rtfs/stdlib/index.ts";
import type { BuiltinMachine } from "../src/rtfs/stdlib/builtin.ts";
import { FunctionValue, keyword, MapValue, type Value, Vector } from "../src/rtfs/values/value.ts";
import {
  interleaved,
  type Mark,
  markLine,
  median,
  shown,
  table,
  writeResults,
} from "./lib/stats.ts";

const rounds = Number(process.argv[2] ?? 15) || 15;
const SIZE = 100_000;
const MILLION = 1_000_000;
const keys = Array.from({ length: SIZE }, (_, n) => `key ${n}`);
const native = new Map(keys.map((key, n) => [key, n]));
const grown = keys.reduce((map, key, n) => map.assoc(key, n), MapValue.EMPTY);
const immutableMap = ImmutableMap(native);
const record = MapValue.of(["a", "b", "c", "d", "e", "f"].map((name, n) => [keyword(name), n]));
const field = keyword("d");
const shuffled = Array.from({ length: MILLION }, (_, n) => (n * 7_919) % MILLION);
const shuffledVector = new Vector(shuffled);
let sink: unknown;

/** What a compiled function is to the library: one call away. */
class Native extends FunctionValue {
  readonly body: (a: Value, b: Value) => Value;

  constructor(body: (a: never, b: never) => Value) {
    super("native");
    this.body = body as (a: Value, b: Value) => Value;
  }
}

const machine: BuiltinMachine = {
  host: null,
  spend: () => undefined,
  meter: () => undefined,
  apply: () => null,
  unary: (f) => (f as Native).body as (a: Value) => Value,
  binary: (f) => (f as Native).body,
};

/** Nanoseconds an operation. */
function timed(operations: number, run: () => unknown): () => number {
  return () => {
    const started = performance.now();
    sink = run();
    return ((performance.now() - started) * 1e6) / operations;
  };
}

const library = (name: string, ...args: readonly Value[]): Value =>
  BUILTINS.get(name)!.run(args, machine);

const contenders: Readonly<Record<string, () => number>> = {
  "map: grow by assoc": timed(SIZE, () =>
    keys.reduce((map, key, n) => map.assoc(key, n), MapValue.EMPTY),
  ),
  "map: grow a native Map": timed(SIZE, () =>
    keys.reduce((map, key, n) => map.set(key, n), new Map<string, number>()),
  ),
  "map: grow immutable's Map": timed(SIZE, () =>
    keys.reduce((map, key, n) => map.set(key, n), ImmutableMap<string, number>()),
  ),
  "map: grow immutable's OrderedMap": timed(SIZE, () =>
    keys.reduce((map, key, n) => map.set(key, n), OrderedMap<string, number>()),
  ),
  "map: replace": timed(SIZE, () => keys.reduce((map, key, n) => map.assoc(key, -n), grown)),
  "map: replace in immutable's Map": timed(SIZE, () =>
    keys.reduce((map, key, n) => map.set(key, -n), immutableMap),
  ),
  "map: get": timed(SIZE, () => keys.reduce((sum, key) => sum + (grown.get(key) as number), 0)),
  "map: get in a native Map": timed(SIZE, () =>
    keys.reduce((sum, key) => sum + native.get(key)!, 0),
  ),
  "record: replace one of 6": timed(MILLION, () => {
    let map = record;
    for (let n = 0; n < MILLION; n++) map = map.assoc(field, n);
    return map;
  }),
  "record: spread of an object with 6": timed(MILLION, () => {
    let object = { a: 0, b: 1, c: 2, d: 3, e: 4, f: 5 };
    for (let n = 0; n < MILLION; n++) object = { ...object, d: n };
    return object;
  }),
  "vector: grow by conj": timed(SIZE, () => {
    let vector = new Vector([]);
    for (let n = 0; n < SIZE; n++) vector = vector.conj(n);
    return vector;
  }),
  "vector: push to a native array": timed(SIZE, () => {
    const array: number[] = [];
    for (let n = 0; n < SIZE; n++) array.push(n);
    return array;
  }),
  "vector: grow immutable's List": timed(SIZE, () => {
    let list = ImmutableList<number>();
    for (let n = 0; n < SIZE; n++) list = list.push(n);
    return list;
  }),
  "sort: 1 M integers": timed(1, () => library("sort", shuffledVector)),
  "sort: native, with a comparator": timed(1, () => shuffled.toSorted((a, b) => a - b)),
  "pipeline: range, map, filter, reduce": timed(1, () => {
    const all = library("range", MILLION);
    const more = library("map", new Native((x: number) => x + 1), all);
    const even = library("filter", new Native((x: number) => x % 2 === 0), more);
    return library("reduce", new Native((a: number, x: number) => a + x), 0, even);
  }),
  "pipeline: native": timed(1, () =>
    Array.from({ length: MILLION }, (_, n) => n)
      .map((x) => x + 1)
      .filter((x) => x % 2 === 0)
      .reduce((a, x) => a + x, 0),
  ),
};

const rates = await interleaved(
  Object.entries(contenders).map(([name, round]) => ({ name, round })),
  rounds,
);
const of = (name: string): number => median(rates.get(name)!);
const ratio = (name: string, peer: string): number => of(name) / of(peer);
const marks: readonly Mark[] = [
  mark("grow by assoc / native Map", "map: grow by assoc", "map: grow a native Map", 9),
  mark(
    "grow by assoc / immutable's Map",
    "map: grow by assoc",
    "map: grow immutable's Map",
    1 / 1.2,
  ),
  mark("get / native Map", "map: get", "map: get in a native Map", 3),
  mark("conj / immutable's List", "vector: grow by conj", "vector: grow immutable's List", 1),
  mark(
    "sort / native with comparator",
    "sort: 1 M integers",
    "sort: native, with a comparator",
    0.5,
  ),
  mark("pipeline / native", "pipeline: range, map, filter, reduce", "pipeline: native", 1.1),
];

function mark(name: string, row: string, peer: string, limit: number): Mark {
  return { name, value: ratio(row, peer), limit, atLeast: false };
}

const names = [...rates.keys()];
const rows = names.map((name) => [name, shown(of(name))]);
process.stdout.write(
  `${table(["row", "ns an operation"], rows)}\n\n${marks.map(markLine).join("\n")}\n`,
);
writeResults("rtfs-collections", {
  rounds,
  nanoseconds: Object.fromEntries(names.map((name) => [name, of(name)])),
  marks,
});
if (sink === null) throw new Error("nothing was measured");
