import { formsOf, tokensOf } from "./mutate.ts";

/** Most attempts at making one case smaller. */
const ATTEMPTS_MAX = 3000;

/**
 * A smaller text that still fails: forms and tokens are left out, forms give way to what is in them,
 * as long as `isFailing` says so.
 */
export function shrink(text: string, isFailing: (text: string) => boolean): string {
  let attempts = 0;
  let best = text;
  const isSmaller = (next: string): boolean => {
    if (next.length >= best.length || ++attempts > ATTEMPTS_MAX) return false;
    if (!isFailing(next)) return false;
    best = next;
    return true;
  };
  for (let size = -1; size !== best.length && attempts < ATTEMPTS_MAX; ) {
    size = best.length;
    while (smallerForms(best).some(isSmaller));
    while (smallerTokens(best).some(isSmaller));
  }
  return best;
}

function smallerForms(text: string): string[] {
  const tokens = tokensOf(text);
  const forms = formsOf(tokens).toSorted((a, b) => b.to - b.from - (a.to - a.from));
  const around = ({ from, to }: { from: number; to: number }, by: string): string =>
    [...tokens.slice(0, from), by, ...tokens.slice(to)].join("");
  return [
    ...forms.map((form) => around(form, "")),
    ...forms.flatMap((form) => {
      const isAtom = form.to === form.from + 1;
      if (isAtom) return tokens[form.from]!.length > 1 ? [around(form, "1")] : [];
      const inner = formsOf(tokens.slice(form.from + 1, form.to - 1)).map(({ from, to }) =>
        around(form, tokens.slice(form.from + 1 + from, form.from + 1 + to).join("")),
      );
      return [around(form, "1"), around(form, "nil"), ...inner];
    }),
  ];
}

function smallerTokens(text: string): string[] {
  const tokens = tokensOf(text);
  const without = tokens.map((_, at) => tokens.toSpliced(at, 1).join(""));
  const gaps = tokens.flatMap((token, at) =>
    token.length > 1 && /^[\s,;]/.test(token) ? [tokens.with(at, " ").join("")] : [],
  );
  const letters =
    text.length > 400
      ? []
      : Array.from(text, (_, at) => Array.from(text).toSpliced(at, 1).join(""));
  return [...gaps, ...without, ...letters];
}
