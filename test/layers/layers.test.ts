/**
 * The layers checker is proven by planted violations: each rule must report its own plant, and the clean tree
 * must pass with enough modules seen. A checker that looked at nothing has failed.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const scratch = mkdtempSync(join(tmpdir(), "ccos-layers-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Report {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly {
      readonly rule: { readonly name: string };
      readonly from: string;
    }[];
  };
}

function cruise(dir: string): Promise<Report> {
  const depcruise = join(root, "node_modules", ".bin", "depcruise");
  const args = ["--config", ".dependency-cruiser.cjs", "--output-type", "json", "src", "guest"];
  return new Promise((resolve, reject) => {
    execFile(
      depcruise,
      args,
      { cwd: dir, maxBuffer: 64 * 1024 * 1024 },
      (_error, stdout, stderr) => {
        if (stdout === "") reject(new Error(stderr));
        else resolve(JSON.parse(stdout) as Report);
      },
    );
  });
}

const PLANTS: readonly (readonly [rule: string, file: string, source: string])[] = [
  ["policy-looks-down-only", "src/policy/planted.ts", 'export { x } from "../chain/index.ts";'],
  [
    "capability-looks-down-only",
    "src/capability/planted.ts",
    'export { x } from "../egress/index.ts";',
  ],
  ["deploy-looks-down-only", "src/deploy/planted.ts", 'export { x } from "../cli/index.ts";'],
  ["runtime-looks-down-only", "src/runtime/planted.ts", 'export { x } from "../cli/index.ts";'],
  [
    "foundation-looks-down-only",
    "src/foundation/planted.ts",
    'export { x } from "../host/index.ts";',
  ],
  ["one-door-to-the-machine", "src/egress/planted.ts", 'import "node:net";'],
  ["pure-folders", "src/rtfs/planted.ts", 'import "node:path";'],
  ["decompress-imports-zlib-only", "src/policy/dlp/decompress.ts", 'import "node:path";'],
  ["front-door-only", "src/runtime/planted-door.ts", 'export { x } from "../chain/secret.ts";'],
  [
    "guest-imports-foundation-and-rtfs-only",
    "guest/planted.ts",
    'export { x } from "../src/chain/index.ts";',
  ],
  [
    "providers-are-strangers",
    "src/isolation/providers/planted.ts",
    'export { x } from "./other.ts";',
  ],
  ["no-cycle", "src/runtime/cycle-a.ts", 'export { x } from "./cycle-b.ts";'],
  ["ipaddr.js-only-in-egress", "src/policy/planted-dep.ts", 'import "ipaddr.js";'],
  [
    "vscode-languageserver-only-in-lsp",
    "src/runtime/planted-lsp.ts",
    'import "vscode-languageserver";',
  ],
];

const EXTRA: Readonly<Record<string, string>> = {
  "src/host/index.ts": "export const x = 1;",
  "src/chain/index.ts": "export const x = 1;",
  "src/chain/secret.ts": "export const x = 1;",
  "src/egress/index.ts": "export const x = 1;",
  "src/cli/index.ts": "export const x = 1;",
  "src/isolation/providers/other.ts": "export const x = 1;",
  "src/runtime/cycle-b.ts": 'export { x as y } from "./cycle-a.ts"; export const x = 1;',
};

describe("layers", () => {
  test("every rule reports its planted violation", async () => {
    for (const name of [".dependency-cruiser.cjs", "tsconfig.json", "package.json"])
      cpSync(join(root, name), join(scratch, name));
    symlinkSync(join(root, "node_modules"), join(scratch, "node_modules"));
    const files = [
      ...PLANTS.map(([, file, source]) => [file, source] as const),
      ...Object.entries(EXTRA),
    ];
    for (const [file, source] of files) {
      mkdirSync(join(scratch, dirname(file)), { recursive: true });
      writeFileSync(join(scratch, file), source);
    }
    const { summary } = await cruise(scratch);
    for (const [rule, file] of PLANTS) {
      const reported = summary.violations.some(
        (violation) => violation.rule.name === rule && violation.from === file,
      );
      expect(reported, `${rule} must report ${file}`).toBe(true);
    }
  });

  test("the tree itself has no violation, and the checker saw it", async () => {
    const { summary } = await cruise(root);
    expect(
      summary.violations.map((violation) => `${violation.rule.name}: ${violation.from}`),
    ).toEqual([]);
    expect(summary.totalCruised).toBeGreaterThan(100);
  });
});
