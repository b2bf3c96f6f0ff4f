/** Templates as files: named by what they are, few, the newest. What a machine makes of one is qemu.test.ts. */
import { mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { closeDescriptors } from "../../host/index.ts";
import { keepTemplate, openTemplate, templateKey } from "./template.ts";

const OF = { bootId: "b", qemu: "q", parts: ["sha256:1", "sha256:2"], line: ["-m", "256"] };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "ccos-template-"));
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

async function digestOf(key: string, wished: string | null = null): Promise<string | null> {
  const template = await openTemplate(stateDir, key, wished);
  if (template === null) return null;
  closeDescriptors([template.descriptor]);
  return template.digest;
}

test("a template is bound to all that its machine is made of", () => {
  const keys = [
    OF,
    { ...OF, bootId: "c" },
    { ...OF, qemu: "r" },
    { ...OF, parts: ["sha256:2", "sha256:1"] },
    { ...OF, parts: [...OF.parts, "sha256:3"] },
    { ...OF, line: ["-m", "257"] },
    { ...OF, line: ["-m256"] },
  ].map(templateKey);
  expect(new Set(keys).size).toBe(keys.length);
  expect(templateKey({ ...OF })).toBe(keys[0]);
});

test("of two that were made at once the one that a run recorded is taken", async () => {
  await keepTemplate(stateDir, "k", bytes("one"));
  await keepTemplate(stateDir, "k", bytes("two"));
  await keepTemplate(stateDir, "other", bytes("three"));
  const names = readdirSync(join(stateDir, "templates")).filter((name) => name.startsWith("k."));
  expect(names).toHaveLength(2);
  for (const name of names) {
    const digest = name.replace("k.", "sha256:");
    expect(await digestOf("k", digest)).toBe(digest);
  }
  expect(await digestOf("none")).toBeNull();
});

test("six are kept, the oldest make room", async () => {
  for (let each = 0; each < 8; each++) {
    await keepTemplate(stateDir, `k${each}`, bytes(String(each)));
    for (const name of readdirSync(join(stateDir, "templates"))) {
      const at = Number(name[1]) * 1_000;
      utimesSync(join(stateDir, "templates", name), at, at);
    }
  }
  const kept = readdirSync(join(stateDir, "templates")).map((name) => name.slice(0, 2));
  expect(kept.sort()).toEqual(["k2", "k3", "k4", "k5", "k6", "k7"]);
});
