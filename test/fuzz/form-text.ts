/**
 * Random source texts that read: every literal, every sugar, comments and white space where they may
 * stand. `layoutText` leaves nothing of them to chance but the choice.
 */
import fc from "fast-check";
import type { Form } from "../../src/rtfs/index.ts";

const symbol = fc.oneof(
  fc.constantFrom(
    ..."a b do-it + - / <= def defn let if match cond try catch finally fn when step for -> and %x ns.part/f ns.p:v1.2/f x: : & .name λ quote unquote context-ref metadata nilly true? ->x *y* _".split(
      " ",
    ),
  ),
  fc.stringMatching(/^[a-z_$*/=<>!?&][a-z0-9./@:!?*+-]{0,9}$/).filter(isPlainSymbol),
);

function isPlainSymbol(name: string): boolean {
  return !["nil", "true", "false"].includes(name) && !name.startsWith("resource://");
}

const string = fc
  .string({ unit: "binary", maxLength: 12 })
  .map((text) =>
    text
      .toWellFormed()
      .replaceAll(/["\\]/g, "\\$&")
      .replaceAll(
        /[\0\u202a-\u202e\u2066-\u2069]/g,
        (each) => `\\u{${each.charCodeAt(0).toString(16)}}`,
      ),
  )
  .map((text) => `"${text}"`);
const keyword = fc.oneof(
  symbol.filter((name) => name !== "λ" && !/^:|:$/.test(name)).map((name) => `:${name}`),
  fc.constantFrom(":a", ":keys", ":else", ":ns.p:v1/k", ":delegation"),
);
const number = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.integer({ min: -9, max: 99 }).map(String),
  fc.constantFrom("##Inf", "##-Inf", "##NaN", "-0.0", "1e3", "1.5e-7", "007", "+5", "-0"),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((each) => (Number.isInteger(each) ? each.toExponential() : String(each))),
);
const literal = fc.constantFrom(
  "nil",
  "true",
  "false",
  "2026-01-31T10:00:00Z",
  "2026-01-31T10:00:00_123Z",
  "01234567-89ab-cdef-0123-456789abcdef",
  "resource://db/users?x=1",
  "@name",
  "@:key",
);
const atom = fc.oneof({ weight: 3, arbitrary: symbol }, keyword, string, number, literal);
/** Between two forms; never empty. */
const gap = fc.oneof(
  { weight: 12, arbitrary: fc.constant(" ") },
  fc.constantFrom(
    "\n",
    "\r\n",
    "\n\n\n",
    " , ",
    "\t",
    " ; note\n",
    "\n;; two words \n",
    " #| in |# ",
    "\n#| a\n  b |#\n",
  ),
);
const headed = fc.constantFrom(
  ..."def defn defmacro fn let if when match cond try catch finally do step call agent.config for f -> defstruct module".split(
    " ",
  ),
);

/** Joins with gaps, and one before and after. */
function joined(items: fc.Arbitrary<readonly string[]>): fc.Arbitrary<string> {
  return items.chain((each) =>
    fc.tuple(...each.map(() => gap), fc.constantFrom("", "", " ", "\n", " ; end\n")).map((gaps) => {
      const last = gaps.at(-1)!;
      return each
        .map((text, index) => text + (index < each.length - 1 ? gaps[index]! : last))
        .join("");
    }),
  );
}

const { form } = fc.letrec<{ form: string; call: string }>((tie) => {
  const forms = fc.array(tie("form"), { maxLength: 5 });
  const key = fc.oneof(keyword, string, fc.integer().map(String));
  const entries = fc
    .uniqueArray(fc.tuple(key, tie("form")), { maxLength: 4, selector: ([text]) => identity(text) })
    .map((pairs) => pairs.flat());
  return {
    form: fc.oneof(
      { maxDepth: 6, withCrossShrink: true },
      atom,
      tie("call"),
      joined(forms).map((inner) => `[${inner}]`),
      joined(entries).map((inner) => `{${inner}}`),
      fc
        .tuple(fc.constantFrom("'", "`", "~", "~@", "~ ", "' "), tie("form"))
        .map((both) => both.join("")),
      fc
        .tuple(
          fc.constantFrom("^:k ", "^{:a 1} ", "^:delegation :local ", '^:delegation :remote "m" '),
          tie("form"),
        )
        .map((both) => both.join("")),
    ),
    call: fc.oneof(
      joined(fc.tuple(headed, forms).map(([head, rest]) => [head, ...rest])).map(
        (inner) => `(${inner})`,
      ),
      joined(forms).map((inner) => `(${inner})`),
      joined(fc.array(atom, { maxLength: 4 })).map((inner) => `#(${inner})`),
    ),
  };
});

/** Two spellings of one key have one identity; strings only by their text, which is enough here. */
function identity(key: string): string {
  return /^[+-]?\d/.test(key) ? String(Number(key)) : JSON.stringify(key.replaceAll("\r\n", "\n"));
}

/** The text of one form. */
export const formText: fc.Arbitrary<string> = form;
/** A text of several forms with comments between. */
export const layoutText: fc.Arbitrary<string> = joined(fc.array(form, { maxLength: 5 }));

/** A form as plain data without places. */
export function withoutSpans(each: Form): unknown {
  return JSON.parse(
    JSON.stringify(each, (name, value: unknown) => {
      if (name === "span") return undefined;
      if (typeof value === "bigint") return `${value}n`;
      if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) {
        return `#${Object.is(value, -0) ? "-0" : value}`;
      }
      return value;
    }),
  );
}
