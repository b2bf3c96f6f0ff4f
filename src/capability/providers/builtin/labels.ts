import { DECLASSIFY } from "../../../policy/index.ts";
import { defineCapability, done } from "../../define.ts";
import type { Capability } from "../../types.ts";

/** The call does nothing itself: policy asks a person, and the run's guard of labels acts on the outcome. */
export const LABELS: readonly Capability[] = [
  defineCapability({
    id: DECLASSIFY,
    summary: "Takes labels off what this run has received, once somebody approved",
    effects: [],
    parameters: [
      { name: "labels", type: "[:vector [:union :string :keyword]]" },
      { name: "reason", type: ":string" },
    ],
    output: ":nil",
    invoke: () => Promise.resolve(done(null)),
  }),
];
