/**
 * The table of tokens that name themselves by a prefix, as their issuers document them.
 *
 * Source: the pages of the issuers. A file of data: longer than others, and flat.
 *
 * @module
 */
import { ALNUM, TOKEN, type UnitClass, unitClass } from "./detector.ts";

export interface TokenFormat {
  readonly prefixes: readonly string[];
  readonly units: UnitClass;
  /** Units after the prefix; at most 64, as more are not read. */
  readonly min: number;
  /** No match when the run of units is longer than this. Absent: any length from `min` on. */
  readonly max?: number;
  readonly confidence?: "medium";
  /** Whether a letter or digit right before the prefix excludes a match. */
  readonly bounded?: boolean;
  /** Text that must stand in the units: a mark in the middle of the token. */
  readonly mark?: string;
}

const HEX = unitClass("a-f0-9");
const WORD = unitClass("A-Za-z0-9_");
const DOTTED = unitClass("A-Za-z0-9._-");
const URL_UNITS = unitClass("A-Za-z0-9/_-");

/** By name, in the order in which findings are told. */
export const TOKEN_FORMATS: readonly (readonly [name: string, format: TokenFormat])[] = [
  ["github-token", { prefixes: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], units: ALNUM, min: 36 }],
  ["github-fine-grained-token", { prefixes: ["github_pat_"], units: WORD, min: 22 }],
  [
    "gitlab-token",
    {
      prefixes: ["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glsoat-"],
      units: TOKEN,
      min: 20,
    },
  ],
  [
    "slack-token",
    {
      prefixes: ["b-", "p-", "a-", "r-", "s-", "e-", "c-", "d-"]
        .map((kind) => `xox${kind}`)
        .concat("xapp-"),
      units: unitClass("A-Za-z0-9-"),
      min: 16,
    },
  ],
  [
    "slack-webhook",
    { prefixes: ["hooks.slack.com/services/T"], units: URL_UNITS, min: 36, mark: "/B" },
  ],
  ["stripe-key", { prefixes: ["sk_live_", "rk_live_", "whsec_"], units: ALNUM, min: 16 }],
  [
    "stripe-test-key",
    { prefixes: ["sk_test_", "rk_test_"], units: ALNUM, min: 16, confidence: "medium" },
  ],
  ["google-api-key", { prefixes: ["AIza"], units: TOKEN, min: 35, max: 35, bounded: true }],
  ["google-oauth-token", { prefixes: ["ya29."], units: TOKEN, min: 20, bounded: true }],
  ["google-client-secret", { prefixes: ["GOCSPX-"], units: TOKEN, min: 20 }],
  ["anthropic-key", { prefixes: ["sk-ant-"], units: TOKEN, min: 20 }],
  ["npm-token", { prefixes: ["npm_"], units: ALNUM, min: 36, bounded: true }],
  ["pypi-token", { prefixes: ["pypi-AgE"], units: TOKEN, min: 50 }],
  ["hugging-face-token", { prefixes: ["hf_"], units: ALNUM, min: 34, bounded: true }],
  ["sendgrid-key", { prefixes: ["SG."], units: DOTTED, min: 60, bounded: true, mark: "." }],
  [
    "shopify-token",
    { prefixes: ["shpat_", "shpca_", "shppa_", "shpss_"], units: unitClass("a-fA-F0-9"), min: 32 },
  ],
  ["linear-key", { prefixes: ["lin_api_"], units: ALNUM, min: 32 }],
  ["one-password-token", { prefixes: ["ops_eyJ"], units: unitClass("A-Za-z0-9+/="), min: 60 }],
  ["docker-token", { prefixes: ["dckr_pat_", "dckr_oat_"], units: TOKEN, min: 27 }],
  ["vault-token", { prefixes: ["hvs.", "hvb."], units: TOKEN, min: 24, bounded: true }],
  ["databricks-token", { prefixes: ["dapi"], units: HEX, min: 32, max: 32, bounded: true }],
  ["digitalocean-token", { prefixes: ["dop_v1_", "doo_v1_", "dor_v1_"], units: HEX, min: 64 }],
  ["doppler-token", { prefixes: ["dp.pt.", "dp.st.", "dp.ct."], units: DOTTED, min: 40 }],
  ["grafana-token", { prefixes: ["glsa_", "glc_ey"], units: unitClass("A-Za-z0-9_+/="), min: 32 }],
  ["figma-token", { prefixes: ["figd_"], units: TOKEN, min: 40 }],
  ["notion-token", { prefixes: ["ntn_"], units: ALNUM, min: 40, bounded: true }],
  ["postman-key", { prefixes: ["PMAK-"], units: unitClass("a-f0-9-"), min: 59 }],
  ["pulumi-token", { prefixes: ["pul-"], units: HEX, min: 40, max: 40, bounded: true }],
  ["rubygems-key", { prefixes: ["rubygems_"], units: HEX, min: 48, max: 48 }],
  ["new-relic-key", { prefixes: ["NRAK-"], units: ALNUM, min: 27, max: 27 }],
  [
    "sentry-token",
    { prefixes: ["sntrys_eyJ", "sntryu_"], units: unitClass("A-Za-z0-9_+/="), min: 40 },
  ],
  [
    "atlassian-token",
    { prefixes: ["ATATT3xFf", "ATCTT3xFf"], units: unitClass("A-Za-z0-9_=-"), min: 50 },
  ],
  ["planetscale-token", { prefixes: ["pscale_tkn_", "pscale_pw_"], units: DOTTED, min: 32 }],
  ["age-secret-key", { prefixes: ["AGE-SECRET-KEY-1"], units: unitClass("A-Z0-9"), min: 58 }],
  ["groq-key", { prefixes: ["gsk_"], units: ALNUM, min: 48, bounded: true }],
  [
    "vercel-token",
    { prefixes: ["vcp_", "vci_", "vca_", "vcr_", "vck_"], units: TOKEN, min: 24, bounded: true },
  ],
  [
    "square-token",
    {
      prefixes: ["sq0atp-", "sq0csp-", "EAAAE"],
      units: TOKEN,
      min: 22,
      bounded: true,
      confidence: "medium",
    },
  ],
  ["mailgun-key", { prefixes: ["key-"], units: HEX, min: 32, max: 32, bounded: true }],
  [
    "telegram-bot-token",
    { prefixes: [":AA"], units: TOKEN, min: 33, max: 33, confidence: "medium" },
  ],
];
