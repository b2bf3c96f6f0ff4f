import type { Detector } from "./detector.ts";
import { IDENTITY_DETECTORS } from "./identity-detectors.ts";
import { INJECTION_DETECTORS } from "./injection-detectors.ts";
import { PII_DETECTORS } from "./pii-detectors.ts";
import { SECRET_DETECTORS } from "./secret-detectors.ts";

/** Every built-in detector of what leaves; docs and verdicts name them by `name`. */
export const DETECTORS: readonly Detector[] = [
  ...SECRET_DETECTORS,
  ...PII_DETECTORS,
  ...IDENTITY_DETECTORS,
];

/** Every name that a finding of a built-in rule may have. */
export const DLP_RULE_NAMES: readonly string[] = [
  ...new Set([...DETECTORS, ...INJECTION_DETECTORS].map(({ name }) => name)),
  "dlp.opaque",
  "dlp.high-entropy",
  "dlp.decompression-bomb",
];
