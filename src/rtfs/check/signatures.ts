/**
 * Signatures of the library: which kinds an argument may have, and which the result has.
 *
 * A row is `names : parameters -> result`. `T?` may be left out, `T*` may stand any number of times.
 * The table says at least what the library accepts (signatures.test.ts holds the two together), so
 * what it refuses fails for certain. A name that is missing is not judged.
 *
 * @module
 */
import { ANY, FLOAT, INT, type Kinds, kinds, NEVER, NUMBER } from "./kinds.ts";

export interface Signature {
  readonly parameters: readonly Kinds[];
  /** Of all further arguments; null: there are none, or nothing is known of them. */
  readonly rest: Kinds | null;
  result(args: readonly Kinds[]): Kinds;
}

const GROUPS: ReadonlyMap<string, Kinds> = new Map([
  ["items", kinds("vector", "list")],
  ["seq", kinds("vector", "list", "string")],
  ["key", kinds("keyword", "string", "int")],
  ["callable", kinds("fn", "keyword")],
  ["text", kinds("string", "nil")],
]);

type Compute = (args: readonly Kinds[]) => Kinds;

/** A float among them makes a float; integers alone make an integer. */
const arithmetic: Compute = (args) => {
  if (args.some((arg) => arg !== NEVER && (arg & ~FLOAT) === 0)) return FLOAT;
  return args.every((arg) => (arg & ~INT) === 0) ? INT : NUMBER;
};

const COMPUTED: ReadonlyMap<string, Compute> = new Map([["arithmetic", arithmetic]]);

const ROWS = `
+ - * : number* -> arithmetic
/ mod % : number* -> number
inc dec abs : number -> arithmetic
max min : number* -> number
sqrt : number -> float
pow : number number -> number
factorial : int -> int
even? odd? zero? pos? neg? : number -> bool
int : any -> int
float : any -> float
parse-int : any -> int|nil
parse-float : any -> float|nil
= != not= not : any* -> bool
< > <= >= : number|string number|string -> bool
str : any* -> string
string-length : string -> int
substring : string int int? -> string
string-contains string-contains? starts-with? ends-with? : text string -> bool
split : text string -> vector
join string-join : string items -> string
string-upper string-lower string-trim : string -> string
hash-map : any* -> map
get : map|vector|error|nil any any? -> any
get-in : any items any? -> any
assoc : map|vector any* -> map|vector
assoc-in : any items any -> any
update-in : any items any* -> any
dissoc : map key* -> map
merge : map* -> map
select-keys : map items -> map
find : map key -> vector|nil
keys vals : map -> vector
vector : any* -> vector
count length : seq|map -> int
empty? : any -> bool
first last : seq -> any
rest reverse distinct sort : seq -> seq
nth : seq int any? -> any
take drop : int seq -> seq
subvec : vector int int? -> vector
conj : map|items any* -> map|items
cons : any items -> items
concat : any* -> vector
into : map|items map|seq -> map|items
second : items -> any
vec : seq|map|nil -> vector
key val : items -> any
zipmap : items items -> map
rename-keys : map map -> map
take-while drop-while : callable seq -> seq
partition-by : callable items -> vector
mapcat : callable seq -> vector
string-replace : string string string -> string
re-matches re-find : string text -> string|nil
re-seq : string text -> vector
true? false? : any -> bool
contains? : map|seq any -> bool
range : number* -> vector
numbers : number number -> vector
partition : int items -> vector
repeat : int any -> vector
map map-indexed filter : callable seq -> vector
remove : callable seq -> seq
reduce apply : callable any* -> any
sort-by : callable items -> vector
group-by : callable items|nil -> map
every? some? : callable seq -> bool
frequencies : items -> map
nil? bool? boolean? int? float? number? string? string-p keyword? symbol? vector? list? map? fn? : any -> bool
type-name : any -> string
parse-json tool/parse-json : string -> any
serialize-json tool/serialize-json : any -> string
serialize-json-pretty tool/serialize-json-pretty : any -> string
throw : any -> never
getMessage : error -> string
Exception. : any* -> error
`;

function setOf(word: string): Kinds {
  return word.split("|").reduce((all, name) => all | (GROUPS.get(name) ?? kinds(name)), NEVER);
}

function parseRow(row: string): readonly (readonly [string, Signature])[] {
  const [names = "", types = ""] = row.split(" : ");
  const [left = "", result = ""] = types.split(" -> ");
  const words = left.split(" ");
  const isOpen = words.at(-1)!.endsWith("*");
  const sets = words.map((word) => setOf(word.replace(/[?*]$/, "")));
  const computed = COMPUTED.get(result);
  const fixed = computed === undefined ? setOf(result) : NEVER;
  const signature: Signature = {
    parameters: isOpen ? sets.slice(0, -1) : sets,
    rest: isOpen ? sets.at(-1)! : null,
    result: computed ?? (() => fixed),
  };
  return names.split(" ").map((name) => [name, signature]);
}

export const SIGNATURES: ReadonlyMap<string, Signature> = new Map(
  ROWS.trim().split("\n").flatMap(parseRow),
);

/** What an argument may be; anything when nothing is known. */
export function parameterOf({ parameters, rest }: Signature, index: number): Kinds {
  return parameters[index] ?? rest ?? ANY;
}
