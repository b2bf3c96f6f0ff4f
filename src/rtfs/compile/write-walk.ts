/**
 * `map`, `filter` and `reduce` whose callback is known, as loops of their own.
 *
 * A loop of its own lets V8 put the callback's code into it, which the library's one loop for all
 * callbacks cannot. Fuel, depth and places are those of the library's function called with
 * `lib` (runtime.ts): `begin` does what that does before the first item, and each item pays for its
 * callback.
 *
 * @module
 */
import { walkArity, walkedLambda } from "../ir/facts.ts";
import type { IrCall } from "../ir/ir.ts";
import { Keyword } from "../values/value.ts";
import { codeName } from "./unit.ts";
import { functionText } from "./write-function.ts";
import type { Writing } from "./writing.ts";

/** Library functions on small integers, as an expression of a name and its slow way. */
const QUICK: ReadonlyMap<string, (a: string, slow: string) => string> = new Map([
  ["inc", (a, slow) => `typeof ${a}==="number"&&(${a}|0)===${a}?${a}+1:${slow}`],
  ["dec", (a, slow) => `typeof ${a}==="number"&&(${a}|0)===${a}?${a}-1:${slow}`],
  ["even?", (a, slow) => `typeof ${a}==="number"&&(${a}|0)===${a}?(${a}&1)===0:${slow}`],
  ["odd?", (a, slow) => `typeof ${a}==="number"&&(${a}|0)===${a}?(${a}&1)===1:${slow}`],
]);

const TWO: ReadonlyMap<string, string> = new Map([
  ["-", "sub"],
  ["*", "mul"],
]);

/** The callback's call with an item `x`, and for `reduce` with the result so far, `s`. */
interface Call {
  readonly text: string;
  /** Its own code pays for it, or it costs nothing. */
  readonly isPaid: boolean;
}

/** The text of a call that is such a loop; null: it is an ordinary call. */
export function writeWalk(writer: Writing, name: string, node: IrCall): string | null {
  const arity = walkArity(node);
  if (arity === null) return null;
  const call = callOf(writer, node, arity);
  if (call === null) return null;
  const { unit } = writer;
  const rest = writer.values(node.args.slice(1));
  const walk = `w${unit.fresh("t").slice(1)}`;
  const site = unit.site(node.span);
  const params = rest.length === 2 ? "b,a,d" : "a,d";
  const start = `const i=begin(${unit.pooled(name)},a,${site},d),n=i.length;`;
  const body = bodyOf(name, rest.length, call);
  writer.declare(`function ${walk}(${params}){\n${start}\n${body}\n}`);
  return `${walk}(${[...rest, writer.depth(0)].join(",")})`;
}

/** What is done with the items `i`, which are `n`. */
function bodyOf(name: string, count: number, call: Call): string {
  const pay = call.isPaid ? "" : "if(--M.fuel<0)M.refuel();";
  const turn = (what: string): string => `for(;e<n;e++){const x=i[e];${pay}${what}}`;
  if (name === "map") {
    return `const r=Array(n);let e=0;\n${turn(`r[e]=${call.text};`)}\nreturn new Vec(r);`;
  }
  if (name === "filter") {
    const test = `const k=${call.text};if(k!==false&&k!==null)r.push(x);`;
    return `const r=[];let e=0;\n${turn(test)}\nreturn new Vec(r);`;
  }
  const start = count === 2 ? "let e=0,s=b;" : "let e=1,s=firstOf(i);";
  if (call.text === SUM) return `${start}return sum(i,e,s);`;
  return `${start}\n${turn(`s=${call.text};`)}\nreturn s;`;
}

const SUM = "sum";

/** Null: no text is better than the library's function. */
function callOf(writer: Writing, node: IrCall, arity: 1 | 2): Call | null {
  const { unit } = writer;
  const callback = node.args[0]!;
  const values = arity === 1 ? "x" : "s,x";
  const site = unit.site(node.span);
  const lambda = walkedLambda(node);
  if (lambda !== null) {
    if (callback.op === "fn") writer.declare(functionText(writer, lambda));
    const call = `${codeName(lambda)}(${values},(M.site=${site},d+1))`;
    return { text: lambda.mayBounce ? `settle(${call},d+1)` : call, isPaid: true };
  }
  if (callback.op === "const" && callback.value instanceof Keyword && arity === 1) {
    return { text: `key(x,${unit.pooled(callback.value)},${site})`, isPaid: true };
  }
  if (callback.op !== "builtin") return null;
  const builtin = unit.options.builtins.get(callback.name)!;
  if (arity < builtin.arityMin || arity > builtin.arityMax) return null;
  if (arity === 1) {
    const slow = `run1(${unit.pooled(builtin)},x)`;
    return { text: QUICK.get(builtin.name)?.("x", slow) ?? slow, isPaid: false };
  }
  if (builtin.name === "+") return { text: SUM, isPaid: true };
  const two = TWO.get(builtin.name);
  const text = two === undefined ? `run2(${unit.pooled(builtin)},s,x)` : `${two}(s,x,${site})`;
  return { text, isPaid: false };
}
