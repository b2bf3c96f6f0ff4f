import type { Detector } from "./detector.ts";
import { IDENTITY_DETECTORS } from "./identity-detectors.ts";
import { PII_DETECTORS } from "./pii-detectors.ts";
import { SECRET_DETECTORS } from "./secret-detectors.ts";

/** Every built-in detector; docs and verdicts name them by `name`. */
export const DETECTORS: readonly Detector[] = [
  ...SECRET_DETECTORS,
  ...PII_DETECTORS,
  ...IDENTITY_DETECTORS,
];
