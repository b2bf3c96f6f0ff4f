/**
 * Find secrets whose value is known, in whatever simple form they leave.
 *
 * Found: the value and its reverse, and either in base64 and base64url at any alignment, hexadecimal,
 * percent and JSON escapes (secret-forms.ts), in the content and in every view of it (views.ts: more
 * encodings, compression, nested to depth 3), with blanks and line breaks anywhere between. Not found:
 * parts of a value, values spread over several parts or requests, ciphers. Linear in the content.
 *
 * @module
 */
import type { ContentPart } from "./byte-text.ts";
import { compact, SecretAutomaton } from "./secret-automaton.ts";
import { Meter } from "./meter.ts";
import { formsOf } from "./secret-forms.ts";
import { type ViewedPart, viewParts } from "./views.ts";

export interface KnownSecret {
  readonly name: string;
  /** Empty values are never found. Short ones (below 8 bytes) are found by chance as well. */
  readonly value: string;
}

export interface SecretFinding {
  readonly name: string;
  /** The name of the part. */
  readonly part: string;
  /** `unscannable`: the part was too large or too deeply encoded to say that it is absent. */
  readonly form: "plain" | "encoded" | "unscannable";
}

/**
 * Search every part for every secret. One finding per secret and part.
 *
 * The search structure is kept for as long as the `known` array lives: pass the same array again.
 */
export function findKnownSecrets(
  parts: readonly ContentPart[],
  known: readonly KnownSecret[],
): readonly SecretFinding[] {
  return findMeasured(parts, known, new Meter());
}

/** As findKnownSecrets, counting the work done. */
export function findMeasured(
  parts: readonly ContentPart[],
  known: readonly KnownSecret[],
  meter: Meter,
): readonly SecretFinding[] {
  if (known.length === 0) return [];
  const automaton = automatonOf(known);
  return viewParts(parts, meter).flatMap((viewed) =>
    findInPart(viewed, { known, automaton, meter }),
  );
}

interface Search {
  readonly known: readonly KnownSecret[];
  readonly automaton: SecretAutomaton;
  readonly meter: Meter;
}

function findInPart({ part, views }: ViewedPart, search: Search): readonly SecretFinding[] {
  const { known, automaton, meter } = search;
  const forms = new Map<number, SecretFinding["form"]>();
  for (const [index, view] of views.texts.entries()) {
    for (const hit of automaton.search(view.bytes, meter)) {
      const id = hit >> 1;
      const isPlain = index === 0 && (hit & 1) === 0;
      if (isPlain || !forms.has(id)) forms.set(id, isPlain ? "plain" : "encoded");
    }
  }
  return known.flatMap(({ name, value }, id) => {
    const form = forms.get(id) ?? (views.complete || value === "" ? null : "unscannable");
    return form === null ? [] : [{ name, part: part.name, form }];
  });
}

const automata = new WeakMap<readonly KnownSecret[], SecretAutomaton>();

function automatonOf(known: readonly KnownSecret[]): SecretAutomaton {
  const kept = automata.get(known);
  if (kept !== undefined) return kept;
  const patterns = known.flatMap(({ value }, index) => {
    const { plain, encoded } = formsOf(value);
    return [plain, encoded].flatMap((forms, isEncoded) =>
      forms.map((form) => ({ text: compact(form), id: index * 2 + isEncoded })),
    );
  });
  const automaton = new SecretAutomaton(patterns.filter(({ text }) => text !== ""));
  automata.set(known, automaton);
  return automaton;
}
