import type { Target } from "../target.ts";
import { engines } from "./engines.ts";
import { macros } from "./macros.ts";
import { purity } from "./purity.ts";
import { reader } from "./reader.ts";
import { regex } from "./regex.ts";
import { statics } from "./static.ts";
import { typesTarget } from "./types.ts";

export const TARGETS: ReadonlyMap<string, Target> = new Map(
  [reader, macros, typesTarget, engines, regex, purity, statics].map((each) => [each.name, each]),
);
