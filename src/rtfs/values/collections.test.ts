import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyword, List, type MapKey, MapValue, type Value, Vector } from "./value.ts";

type Model = readonly (readonly [MapKey, Value])[];

/** Versions of a map with what they must hold, every one kept alive. */
interface Version {
  readonly map: MapValue;
  readonly model: Model;
}

const keyOf = (n: number): MapKey => [keyword(`k${n}`), `k${n}`, n, 2n ** 60n + BigInt(n)][n % 4]!;

const step = fc.oneof(
  fc.record({
    op: fc.constantFrom("assoc", "dissoc"),
    from: fc.nat(),
    key: fc.nat({ max: 60 }),
    value: fc.integer(),
  }),
  // Mostly the newest version, as programs do.
  fc.record({
    op: fc.constantFrom("assoc", "assoc", "dissoc"),
    from: fc.constant(-1),
    key: fc.nat({ max: 60 }),
    value: fc.integer(),
  }),
);

function changed({ map, model }: Version, op: string, key: MapKey, value: Value): Version {
  if (op === "dissoc") {
    return { map: map.dissoc(key), model: model.filter(([each]) => each !== key) };
  }
  const isThere = model.some(([each]) => each === key);
  const set = model.map(([each, old]) => [each, each === key ? value : old] as const);
  return { map: map.assoc(key, value), model: isThere ? set : [...model, [key, value]] };
}

const ALL_KEYS = Array.from({ length: 61 }, (_, n) => keyOf(n));

function expectSame({ map, model }: Version): void {
  const found = [map.size, [...map.entries()], map.keyList(), map.valueList()];
  const table = new Map(model);
  expect(found).toEqual([model.length, model, [...table.keys()], [...table.values()]]);
  expect(ALL_KEYS.map((key) => map.get(key))).toEqual(ALL_KEYS.map((key) => table.get(key)));
}

describe("maps", () => {
  test("every version of any history is the model's, order included", () => {
    const start = fc.constantFrom(0, 3, 15, 16, 17, 40);
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 120, size: "max" }), (size, steps) => {
        const pairs = Array.from({ length: size }, (_, n) => [keyOf(n), n] as const);
        const versions: Version[] = [{ map: MapValue.of(pairs), model: pairs }];
        for (const { op, from, key, value } of steps) {
          const version = versions[from < 0 ? versions.length - 1 : from % versions.length]!;
          versions.push(changed(version, op, keyOf(key), value));
        }
        versions.forEach(expectSame);
      }),
      { numRuns: 60 },
    );
  });

  test("records that share their keys do not see each other's further keys", () => {
    const keys: MapKey[] = [keyword("a")];
    const [x, y] = [MapValue.record(keys, [1]), MapValue.record(keys, [2])];
    const [grown, other] = [x.assoc("b", 3), y.assoc("c", 4)];
    expect([...x.entries()]).toEqual([[keyword("a"), 1]]);
    expect(x.get("b")).toBeUndefined();
    expect([...grown.entries()].at(-1)).toEqual(["b", 3]);
    expect([...other.entries()].at(-1)).toEqual(["c", 4]);
    expect(x.dissoc("b")).toBe(x);
  });

  test("a walk sees its own version while others are made", () => {
    for (const size of [3, 16, 40]) {
      const map = MapValue.of(Array.from({ length: size }, (_, n) => [n, n] as const)).assoc(-1, 0);
      let seen = 0;
      map.forEach((value) => {
        seen++;
        map.assoc(`new ${seen}`, value);
      });
      expect(seen).toBe(size + 1);
    }
  });
});

const SIZE = 20_000;

/** A quadratic history of this size takes minutes, a linear one half a second: the limit of the tests' time decides. */
describe("histories that punish copies", { timeout: 60_000 }, () => {
  const base = MapValue.of(Array.from({ length: SIZE }, (_, n) => [n, n] as const));

  test("many branches from one version", () => {
    const all = Array.from({ length: SIZE }, (_, n) => base.assoc(`k${n}`, n));
    for (const [n, each] of all.entries()) {
      expect(each.get(`k${n}`)).toBe(n);
      expect(each.get(`k${n + 1}`)).toBeUndefined();
    }
  });

  test("a branch from every branch, each beside one that went on", () => {
    let map = base;
    for (let n = 0; n < SIZE; n++) {
      map.assoc(`dead ${n}`, n);
      map = map.assoc(`k${n}`, n);
    }
    expect(map.size).toBe(2 * SIZE);
    expect(map.get(`dead ${SIZE - 1}`)).toBeUndefined();
  });

  test("old and new versions in turn", () => {
    let map = MapValue.EMPTY;
    const versions = Array.from({ length: SIZE }, (_, n) => (map = map.assoc(n, n)));
    for (let n = 0; n < SIZE; n++) {
      expect(versions[n % 2 === 0 ? n : SIZE - n]?.get(0)).toBe(0);
      expect(versions[n]!.get(n + 1)).toBeUndefined();
    }
  });

  test("a key removed and set again, a queue of keys", () => {
    let map = base;
    for (let n = 0; n < SIZE; n++) map = map.dissoc(n % 100).assoc(n % 100, n);
    for (let n = 0; n < 5 * SIZE; n++) map = map.dissoc(n + 100).assoc(n + SIZE, n);
    expect(map.size).toBe(SIZE);
  });
});

describe("vectors", () => {
  const change = fc.record({
    op: fc.constantFrom("conj", "conj", "with", "slice", "concat", "items"),
    from: fc.integer({ min: -20, max: 1000 }),
    n: fc.nat({ max: 5000 }),
  });

  test("every version of any history is the model's", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 5, 31, 32, 33, 64, 1056, 2200),
        fc.array(change, { maxLength: 100, size: "max" }),
        (size, changes) => {
          const first = Array.from({ length: size }, (_, n) => n);
          const versions: { vector: Vector; model: readonly number[] }[] = [
            { vector: new Vector([...first]), model: first },
          ];
          for (const { op, from, n } of changes) {
            const { vector, model } =
              versions[from < 0 ? versions.length - 1 : from % versions.length]!;
            const at = model.length === 0 ? 0 : n % model.length;
            if (op === "conj") versions.push({ vector: vector.conj(n), model: [...model, n] });
            if (op === "concat") {
              const added = Array.from({ length: n % 40 }, () => n);
              versions.push({ vector: vector.concat(added), model: [...model, ...added] });
            }
            if (op === "with" && model.length > 0) {
              versions.push({ vector: vector.with(at, -n), model: model.with(at, -n) });
            }
            if (op === "slice") {
              const end = model.length - (n % 3);
              const to = Math.max(at, end);
              versions.push({ vector: vector.slice(at, to), model: model.slice(at, to) });
            }
            if (op === "items") expect(vector.items).toEqual(model);
          }
          for (const { vector, model } of versions) {
            expect(vector.length).toBe(model.length);
            const found = Array.from({ length: model.length + 2 }, (_, n) => vector.at(n - 1));
            expect(found).toEqual([undefined, ...model, undefined]);
            expect([...vector]).toEqual(model);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("growing, changing, cutting and queues are not quadratic", { timeout: 60_000 }, () => {
    const base = new Vector(Array.from({ length: SIZE }, (_, n) => n));
    for (let n = 0; n < SIZE; n++) expect(base.conj(n).length).toBe(SIZE + 1);
    for (let n = 0; n < SIZE; n++) expect(base.with(n, -1).at(n)).toBe(-1);
    for (let n = 0; n < SIZE; n++)
      expect(
        base
          .slice(0, SIZE - 1)
          .conj(n)
          .at(-1),
      ).toBeUndefined();
    let queue = base;
    for (let n = 0; n < 10 * SIZE; n++) queue = queue.slice(1).conj(n);
    expect(queue.at(0)).toBe(9 * SIZE);
    let left = base;
    while (left.length > 0) left = left.slice(1);
  });

  test("a rest list has the items behind the taken ones, whatever it is taken from", () => {
    for (const vector of [new Vector([1, 2, 3]), new Vector([1]).conj(2).conj(3)]) {
      expect(List.rest(vector, 1).items).toEqual([2, 3]);
      expect(List.rest(vector, 9).items).toEqual([]);
    }
    const long = new Vector(Array.from({ length: 100 }, (_, n) => n)).conj(100);
    expect(List.rest(long, 40).slice(2).items).toEqual(long.items.slice(42));
    expect(List.rest(List.rest(long, 0), 99).conj(7).items).toEqual([99, 100, 7]);
  });

  test("what `items` gave does not change when the vector grows", () => {
    const vector = new Vector([1]).conj(2);
    const { items } = vector;
    vector.conj(3);
    expect(items).toEqual([1, 2]);
  });
});
