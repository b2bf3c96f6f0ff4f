import { type Form, headName, type MapForm } from "../syntax/form.ts";

/** A form and the metadata written on it. */
export interface Annotated {
  readonly form: Form;
  /** Outermost first. */
  readonly metadata: readonly MapForm[];
}

const NONE: readonly MapForm[] = [];

/** `(metadata m form)` taken apart, however often it is nested. */
export function stripMetadata(form: Form): Annotated {
  if (headName(form) !== "metadata") return { form, metadata: NONE };
  const metadata: MapForm[] = [];
  let at = form;
  for (;;) {
    const [, map, inner] = at.kind === "list" ? at.items : [];
    if (headName(at) !== "metadata" || map?.kind !== "map" || inner === undefined) break;
    metadata.push(map);
    at = inner;
  }
  return { form: at, metadata };
}
