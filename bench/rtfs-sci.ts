/**
 * The compiled engine beside SCI with its JIT (`nbb`): `node bench/rtfs-sci.ts [ROUNDS] [--json FILE]`.
 *
 * Each round runs SCI's programs in a process of its own, which times them inside and warm, and then
 * ours in another: run again in one process, a program's text would share the type feedback of its
 * first run. The lower quartile of a round counts, the median of the rounds is shown.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GUEST_FLAG, measure } from "./lib/rtfs-run.ts";
import { type Mark, markLine, median, shown, table, writeResults } from "./lib/stats.ts";
import { PROGRAMS } from "./rtfs-programs.ts";

/** So many that the last ones run code of the highest tier, here and there. */
const REPEATS = 25;
/** Tells this file to time our engine and print that. */
const OURS = "--ours";
const GUEST_FLAGS = [GUEST_FLAG, "--stack-size=3900"];

/** The same programs in ClojureScript, and how much faster ours are asked to be. */
const PEERS: readonly { readonly name: string; readonly atLeast: number; readonly clj: string }[] =
  [
    {
      name: "fib 27",
      atLeast: 1.5,
      clj: "(do (defn fib [n] (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (fn [] (fib 27)))",
    },
    {
      name: "tak 18 12 6",
      atLeast: 1.5,
      clj: "(do (defn tak [x y z] (if (< y x) (tak (tak (- x 1) y z) (tak (- y 1) z x) (tak (- z 1) x y)) z)) (fn [] (tak 18 12 6)))",
    },
    {
      name: "loop/recur 10M",
      atLeast: 3,
      clj: "(fn [] (loop [i 0 acc 0] (if (< i 10000000) (recur (+ i 1) (+ acc i)) acc)))",
    },
    {
      name: "string of 20k parts",
      atLeast: 4,
      clj: '(fn [] (count (loop [i 0 s ""] (if (< i 20000) (recur (+ i 1) (str s i ",")) s))))',
    },
    {
      name: "records 20k",
      atLeast: 3,
      clj: `(do (def rows (mapv (fn [i] {:id i :name (str "n" i) :active (even? i) :region (mod i 7) :items [i (mod i 13) (mod i 5)]}) (range 20000)))
      (defn total [r] (reduce + 0 (:items r)))
      (fn []
        (let [picked (filterv (fn [r] (if (:active r) (> (total r) 50) false)) rows)
              out (mapv (fn [r] {:id (:id r) :label (str (:name r) "-" (:id r)) :region (:region r) :total (total r)}) picked)
              sums (reduce (fn [m r] (assoc m (:region r) (+ (:total r) (get m (:region r) 0)))) {} out)]
          (apply str (interpose ";" (map (fn [k] (str k "=" (get sums k))) (range 7)))))))`,
    },
  ];

/** Milliseconds by program, as SCI's own process says. */
function sciRound(file: string): Record<string, number> {
  const cli = join(import.meta.dirname, "..", "node_modules", "nbb", "cli.js");
  return JSON.parse(execFileSync(process.execPath, [cli, file], { encoding: "utf8" })) as Record<
    string,
    number
  >;
}

/** The same of our engine. */
function oursRound(): Record<string, number> {
  const args = [...GUEST_FLAGS, import.meta.filename, OURS];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as Record<
    string,
    number
  >;
}

function printOurs(): void {
  const times = PEERS.map(({ name }) => {
    const program = PROGRAMS.find((each) => each.name === name);
    if (program === undefined) throw new Error(`no program ${name}`);
    return [name, measure(program, REPEATS).compiledMs];
  });
  console.log(JSON.stringify(Object.fromEntries(times)));
}

function script(): string {
  const entries = PEERS.map(({ name, clj }) => `[${JSON.stringify(name)} ${clj}]`).join("\n");
  return `(defn timed [f]
  (let [times (mapv (fn [_] (let [t (js/performance.now)] (f) (- (js/performance.now) t))) (range ${REPEATS}))]
    (nth (vec (sort times)) ${Math.floor(REPEATS / 4)})))
(println (js/JSON.stringify (clj->js (into {} (map (fn [[n f]] [n (timed f)]) [${entries}])))))`;
}

function main(): void {
  const rounds = Number(process.argv[2]) || 5;
  const directory = mkdtempSync(join(tmpdir(), "rtfs-sci-"));
  const file = join(directory, "programs.cljs");
  writeFileSync(file, script());
  const sci = new Map<string, number[]>();
  const ours = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, ms] of Object.entries(sciRound(file)))
      sci.set(name, [...(sci.get(name) ?? []), ms]);
    for (const [name, ms] of Object.entries(oursRound()))
      ours.set(name, [...(ours.get(name) ?? []), ms]);
  }
  rmSync(directory, { recursive: true });
  const rows = PEERS.map(({ name, atLeast }) => {
    const [theirs, own] = [median(sci.get(name) ?? []), median(ours.get(name) ?? [])];
    return { name, atLeast, sciMs: theirs, compiledMs: own, ratio: theirs / own };
  });
  const marks: Mark[] = rows.map(({ name, atLeast, ratio }) => ({
    name: `${name}: SCI / ours`,
    value: ratio,
    limit: atLeast,
    atLeast: true,
  }));
  console.log(
    table(
      ["program", "SCI ms", "ours ms", "SCI / ours"],
      rows.map(({ name, sciMs, compiledMs, ratio }) => [
        name,
        shown(sciMs),
        shown(compiledMs),
        shown(ratio),
      ]),
    ),
  );
  for (const mark of marks) console.log(markLine(mark));
  writeResults("rtfs-sci", { rounds, rows, marks });
}

if (process.argv[2] === OURS) printOurs();
else main();
