/** A package is what its lock says, byte for byte, and the lock is what a trusted key signed. */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadOrCreateHostKey } from "../chain/index.ts";
import { removeTree } from "../host/index.ts";
import type { RunInputs, StagedContent, World } from "../runtime/index.ts";
import { makePackage } from "./package-make.ts";
import { copyPackage, packagedInputs, type Trust, verifyPackage } from "./package-verify.ts";

const CONFIG = `(agent.config :version "0.1" :agent-id "agent.packed" :plan "plans/sum.rtfs")`;
const NO_RUN: Pick<RunInputs, "staged" | "modules" | "production" | "command"> = {
  staged: [],
  modules: [],
  production: false,
  command: null,
};
const PLAN: RunInputs = {
  ...NO_RUN,
  configFile: "here/agent.config.rtfs",
  configSource: CONFIG,
  planFile: "here/plans/sum.rtfs",
  planSource: "(import [tax :as t]) (t/of 5)",
  modules: [
    {
      name: "tax",
      file: "here/plans/tax.rtfs",
      source: "(defn of [n] (* 2 n))",
    },
  ],
};
const COMMAND: RunInputs = {
  ...NO_RUN,
  configFile: "agent.rtfs",
  configSource: '(agent.config :version "0.1" :agent-id "agent.command")',
  planFile: null,
  planSource: null,
  command: ["sh", "bin/serve.sh"],
  staged: [{ path: "/work/bin/serve.sh", digest: `sha256:${"0".repeat(64)}` }],
};
const SERVE: StagedContent = { path: "/work/bin/serve.sh", content: Buffer.from("exit 0\n") };

let dir: string;
let world: World;
let trust: Trust;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "ccos-package-"));
  world = {
    stateDir: join(dir, "home"),
    nodePath: process.execPath,
    guestDir: dir,
    version: "0",
    environment: {},
    nowMs: () => 0,
    randomBytes: (length) => new Uint8Array(length),
  };
  mkdirSync(world.stateDir, { mode: 0o700 });
  const { publicKey } = await loadOrCreateHostKey(join(world.stateDir, "keys"));
  trust = { kind: "key", key: publicKey };
});
afterAll(() => removeTree(dir));

let count = 0;
async function made(inputs = PLAN, staged: readonly StagedContent[] = []): Promise<string> {
  const out = join(dir, `package-${count++}`);
  await makePackage(world, { inputs, staged, imageDir: null, out });
  return out;
}

const filesOf = (root: string): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();

describe("a package", () => {
  test("holds the agent at the paths its config names, and gives the same run back", async () => {
    const root = await made();
    const key = readdirSync(join(root, "keys"))[0];
    expect(filesOf(root).filter((path) => !path.startsWith("capabilities/"))).toEqual([
      "agent.rtfs",
      `keys/${key}`,
      "lock.json",
      "lock.sig",
      "plans/sum.rtfs",
      "plans/tax.rtfs",
    ]);
    const { inputs } = await packagedInputs(await verifyPackage(root, trust));
    expect(inputs).toEqual({
      ...PLAN,
      configFile: join(root, "agent.rtfs"),
      planFile: join(root, "plans/sum.rtfs"),
      modules: [{ ...PLAN.modules[0], file: join(root, "plans/tax.rtfs") }],
    });
  });

  test("holds a program's files as the program sees them", async () => {
    const root = await made(COMMAND, [SERVE]);
    const { inputs, staged } = await packagedInputs(await verifyPackage(root, trust));
    expect(inputs).toEqual({ ...COMMAND, configFile: join(root, "agent.rtfs") });
    expect(Buffer.from(staged[0]?.content ?? "").toString()).toBe("exit 0\n");
  });

  test("is the same bytes when it is made of the same inputs", async () => {
    const [one, two] = [await made(), await made()];
    const bytes = (root: string): unknown =>
      filesOf(root).map((path) => [path, readFileSync(join(root, path), "latin1")]);
    expect(bytes(two)).toEqual(bytes(one));
  });

  test("is copied as it was verified", async () => {
    const root = await made();
    const copy = await copyPackage(root, join(dir, `copy-${count++}`), trust);
    expect(filesOf(copy.root)).toEqual(filesOf(root));
    const { digest } = await verifyPackage(copy.root, { kind: "digest", digest: copy.digest });
    expect(digest).toBe(copy.digest);
  });

  test("is refused for one flipped bit of any file, by verify and by copy", async () => {
    const root = await made(COMMAND, [SERVE]);
    const files = filesOf(root);
    expect(files.length).toBeGreaterThan(5);
    for (const path of files) chmodSync(join(root, path), 0o600);
    const flip = fc.record({
      path: fc.constantFrom(...files),
      at: fc.nat(),
      bit: fc.nat({ max: 7 }),
    });
    await fc.assert(
      fc.asyncProperty(flip, async ({ path, at, bit }) => {
        const file = join(root, path);
        const whole = readFileSync(file);
        const broken = Buffer.from(whole);
        broken[at % whole.length]! ^= 1 << bit;
        writeFileSync(file, broken);
        const isLock = path.startsWith("lock.");
        const refusal = isLock
          ? { code: "PACKAGE_UNTRUSTED" }
          : { code: "PACKAGE_INVALID", details: { file: path } };
        try {
          await expect(verifyPackage(root, trust)).rejects.toMatchObject(refusal);
          const copy = join(dir, `copy-${count++}`);
          await expect(copyPackage(root, copy, trust)).rejects.toMatchObject(refusal);
        } finally {
          writeFileSync(file, whole);
        }
      }),
      { numRuns: 60 },
    );
    await verifyPackage(root, trust);
  });

  test("is refused for each flipped bit of its signature: there is one text for one", async () => {
    const root = await made();
    const file = join(root, "lock.sig");
    chmodSync(file, 0o600);
    const whole = readFileSync(file);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const broken = Buffer.from(whole);
      broken[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(file, broken);
      await expect(verifyPackage(root, trust)).rejects.toMatchObject({ code: "PACKAGE_UNTRUSTED" });
    }
  });

  const attacks: readonly (readonly [string, (root: string) => void, string])[] = [
    ["a file too many", (root) => writeFileSync(join(root, "plans/more"), ""), "plans/more"],
    ["a directory too many", (root) => mkdirSync(join(root, "empty")), "empty"],
    ["a file too few", (root) => rmSync(join(root, "agent.rtfs")), "agent.rtfs"],
    [
      "a link in a file's place",
      (root) => {
        cpSync(join(root, "agent.rtfs"), join(dir, "same"), { force: true });
        rmSync(join(root, "agent.rtfs"));
        symlinkSync(join(dir, "same"), join(root, "agent.rtfs"));
      },
      "agent.rtfs",
    ],
    [
      "a link in a directory's place",
      (root) => {
        cpSync(join(root, "plans"), join(dir, `plans-${count}`), { recursive: true });
        rmSync(join(root, "plans"), { recursive: true });
        symlinkSync(join(dir, `plans-${count}`), join(root, "plans"));
      },
      "plans",
    ],
  ];
  test.each(attacks)("is refused with %s", async (_, attack, file) => {
    const root = await made();
    attack(root);
    const refusal = { code: "PACKAGE_INVALID", details: { file } };
    await expect(verifyPackage(root, trust)).rejects.toMatchObject(refusal);
  });

  test("is believed because of the verifier's key, not of the one it brings", async () => {
    const root = await made();
    const other = await loadOrCreateHostKey(join(dir, "other-keys"));
    const foreign: Trust = { kind: "key", key: other.publicKey };
    await expect(verifyPackage(root, foreign)).rejects.toMatchObject({ code: "PACKAGE_UNTRUSTED" });
    const digest: Trust = { kind: "digest", digest: `sha256:${"0".repeat(64)}` };
    await expect(verifyPackage(root, digest)).rejects.toMatchObject({ code: "PACKAGE_UNTRUSTED" });
  });

  const unpackable: readonly (readonly [string, Partial<RunInputs>, string])[] = [
    ["a config with errors", { configSource: "(agent.config :nonsense 1)" }, "CONFIG_INVALID"],
    [
      "a plan that is not admitted",
      { planSource: '(call :ccos.io.read-file "/x")' },
      "ADMISSION_REFUSED",
    ],
    ["a plan under a name of its own", { planFile: "here/keys/p.rtfs" }, "PACKAGE_INVALID"],
    ["a plan that lies outside", { planFile: "p.rtfs" }, "PACKAGE_INVALID"],
    [
      "a machine without an image",
      {
        configSource: CONFIG.replace(
          ")",
          ' :orchestrator {:isolation {:mode :microvm :fs {:ephemeral true :mounts {:capabilities {:mode :ro}}}} :dlp {:enabled true :policy :strict}} :marketplace {:readonly true} :microvm {:kernel {:image "image/kernel" :cmdline "quiet"} :rootfs {:image "image/root"}})',
        ),
      },
      "PACKAGE_INVALID",
    ],
  ];
  test.each(unpackable)("is not made of %s", async (_, changed, code) => {
    await expect(made({ ...PLAN, ...changed })).rejects.toMatchObject({ code });
    expect(readdirSync(dir).filter((name) => name.endsWith(".making"))).toEqual([]);
  });

  test("is not made where something stands", async () => {
    const out = await made();
    const again = makePackage(world, { inputs: PLAN, staged: [], imageDir: null, out });
    await expect(again).rejects.toMatchObject({ code: "PACKAGE_INVALID" });
  });
});
