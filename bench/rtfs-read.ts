/**
 * Reading speed: `node bench/rtfs-read.ts [ROUNDS] [MEGABYTES] [--json FILE]`.
 *
 * Data: the same records as RTFS and as JSON, the latter read by `JSON.parse`. Programs: functions
 * with comments, strings and maps; beside a chevrotain grammar that keeps less (offsets, no lines).
 * Both sides read the same characters in every round. Forms of this reader carry their place with
 * line and column. Also: 200 000 open brackets, and twice the text.
 */
import { formatSource, readForms } from "../src/rtfs/index.ts";
import { readWithChevrotain } from "./lib/chevrotain-reader.ts";
import {
  type Contender,
  elapsedMs,
  interleaved,
  type Mark,
  markLine,
  median,
  shown,
  table,
  writeResults,
} from "./lib/stats.ts";

const rounds = Number(process.argv[2]) || 9;
const bytes = (Number(process.argv[3]) || 2) * 1e6;

function newRandom(): (below: number) => number {
  let state = 20261121;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

interface Texts {
  readonly rtfs: string;
  readonly json: string;
}

/** Records until the RTFS text has `size` characters. */
function newData(size: number): Texts {
  const random = newRandom();
  const rtfs: string[] = [];
  const json: string[] = [];
  for (let length = 0; length < size; ) {
    const order = {
      "order-id": random(1_000_000_000),
      customer: `Customer ${random(100_000)} & Sons`,
      paid: random(2) === 0,
      total: random(100_000) / 100 + 0.25,
      tags: [`t${random(60)}`, `t${random(60)}`],
      note: `leave at the door,\n"ring twice" ${random(1000)}`,
      lines: { sku: `A-${random(9999)}`, counts: [random(10), random(10), null] },
    };
    const text = rtfsText(order);
    length += text.length + 1;
    rtfs.push(text);
    json.push(JSON.stringify(order));
  }
  return { rtfs: `[${rtfs.join("\n")}]`, json: `[${json.join(",\n")}]` };
}

type Plain =
  | null
  | boolean
  | number
  | string
  | readonly Plain[]
  | { readonly [key: string]: Plain };

function rtfsText(value: Plain): string {
  if (value === null) return "nil";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object") return String(value);
  if (isItems(value)) return `[${value.map(rtfsText).join(" ")}]`;
  return `{${Object.entries(value)
    .map(([key, each]) => `:${key} ${rtfsText(each)}`)
    .join(" ")}}`;
}

function isItems(value: object): value is readonly Plain[] {
  return Array.isArray(value);
}

function newProgram(size: number): string {
  const random = newRandom();
  const parts: string[] = [];
  for (let length = 0; length < size; ) {
    const name = `ship-orders-${random(100_000)}`;
    const text = `;; Ships what is due, at most ${random(90)} a day.
(defn ${name} [orders {:keys [region day-limit] :as options}]
  (let [due (filter (fn [order] (and (:paid order) (> (:total order) ${random(500)}))) orders)
        count-due (count due)]
    (match count-due
      0 {:shipped 0 :reason "nothing is due"}
      n when (> n day-limit) (throw {:type :too-many :count n})
      _ (call :shop.orders.ship {:region region :orders (map :order-id due)}))))
`;
    length += text.length + 1;
    parts.push(text);
  }
  return parts.join("\n");
}

const limits = { file: "bench.rtfs", bytesMax: 1e9 };
function read(text: string): number {
  const forms = readForms(text, limits);
  if (!forms.ok) throw new Error(forms.error[0]?.message);
  return forms.value.length;
}

const data = newData(bytes);
const program = newProgram(bytes);
/** Nearly the most a source may have by default, and half of it. */
const whole = newProgram(1e6);
const half = newProgram(5e5);

/** Megabytes (10⁶ characters) per second. */
const speed = (name: string, text: string, action: () => unknown): Contender => ({
  name,
  round: async () => text.length / 1e3 / (await elapsedMs(action)),
});
/** Read again and again, so that one collection of garbage does not decide a round. */
const repeated = (name: string, text: string, times: number): Contender => ({
  name,
  round: async () => {
    const ms = await elapsedMs(() => {
      for (let time = 0; time < times; time++) read(text);
    });
    return (times * text.length) / 1e3 / ms;
  },
});
const contenders: readonly Contender[] = [
  speed("JSON.parse, data", data.json, () => JSON.parse(data.json)),
  speed("readForms, data", data.rtfs, () => read(data.rtfs)),
  speed("chevrotain, data", data.rtfs, () => readWithChevrotain(data.rtfs)),
  speed("readForms, program", program, () => read(program)),
  speed("chevrotain, program", program, () => readWithChevrotain(program)),
  repeated("readForms, program of 0.5 MB", half, 20),
  repeated("readForms, program of 1 MB", whole, 10),
  speed("formatSource, program of 1 MB", whole, () => {
    if (!formatSource(whole).ok) throw new Error("not formatted");
  }),
];

/** Milliseconds to refuse text that only opens. */
async function refusal(bracket: string): Promise<number> {
  const text = bracket.repeat(200_000);
  return await elapsedMs(() => {
    if (readForms(text, limits).ok) throw new Error("not refused");
  });
}

await interleaved(contenders, 2);
await refusal("(");
const measured = await interleaved(contenders, rounds);
const refusals: number[] = [];
for (let round = 0; round < rounds; round++) {
  refusals.push(await refusal("["), await refusal("({:a "), await refusal("\n("));
}

const of = (name: string): number => median(measured.get(name) ?? []);
/** Records per second: the texts differ a little in length. */
const dataRatio =
  of("readForms, data") / data.rtfs.length / (of("JSON.parse, data") / data.json.length);
const marks: readonly Mark[] = [
  {
    name: "records, readForms / JSON.parse",
    value: dataRatio,
    limit: 0.35,
    atLeast: true,
  },
  { name: "program, MB/s", value: of("readForms, program"), limit: 20, atLeast: true },
  {
    name: "program, readForms / chevrotain",
    value: of("readForms, program") / of("chevrotain, program"),
    limit: 3,
    atLeast: true,
  },
  {
    name: "time of a text twice as long",
    value: (2 * of("readForms, program of 0.5 MB")) / of("readForms, program of 1 MB"),
    limit: 2.1,
    atLeast: false,
  },
  {
    name: "200 000 open brackets refused, ms, slowest",
    value: Math.max(...refusals),
    limit: 5,
    atLeast: false,
  },
];
const rows = contenders.map(({ name }) => [
  name,
  shown(of(name)),
  shown(of(name) / of("JSON.parse, data")),
]);
process.stdout.write(
  `${table(["what", "MB/s (median)", "/ JSON.parse"], rows)}\n\n${marks.map(markLine).join("\n")}\n`,
);
writeResults("rtfs-read", {
  rounds,
  megabytes: bytes / 1e6,
  megabytesPerSecond: Object.fromEntries(contenders.map(({ name }) => [name, of(name)])),
  marks,
});
