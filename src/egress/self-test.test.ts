import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Verdict } from "../policy/index.ts";
import { createCertificateAuthority } from "./certificate-authority.ts";
import { createProxy } from "./proxy.ts";
import { proveProxy, type TestedParts } from "./self-test.ts";

const authority = createCertificateAuthority(Date.now());
const deny = (): Verdict => ({
  kind: "deny",
  rule: null,
  code: "EGRESS_DENIED",
  reason: "",
  fix: "",
});
const allow = (): Verdict => ({ kind: "allow", rule: "self-test" });
const STRICT: TestedParts = { decideConnect: deny, decideRequest: deny, authority };
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-prove-"));
  path = join(directory, "p.sock");
});
afterEach(() => rmSync(directory, { recursive: true }));

test("a proxy that decides passes, and leaves nothing", async () => {
  await proveProxy(path, STRICT);
  expect(existsSync(path)).toBe(false);
});

test.each<[string, Partial<TestedParts>, Partial<Parameters<typeof createProxy>[0]>, string]>([
  ["a run whose tunnels are not decided", { decideConnect: allow }, {}, "a tunnel to any host"],
  ["a run whose requests are not decided", { decideRequest: allow }, {}, "a request to any host"],
  [
    "a proxy that lets every tunnel pass",
    {},
    { decideConnect: allow },
    "a tunnel that no rule grants",
  ],
  [
    "a proxy that lets every request pass",
    {},
    { decideRequest: allow },
    "a request that no rule grants",
  ],
  ["a proxy that lets no tunnel pass", {}, { decideConnect: deny }, "a tunnel that a rule grants"],
  [
    "a proxy that lets no request pass",
    {},
    { decideRequest: deny },
    "a request that a rule grants",
  ],
])("refuses %s", async (_what, parts, broken, why) => {
  const proven = proveProxy(path, { ...STRICT, ...parts }, (options) =>
    createProxy({ ...options, ...broken }),
  );
  await expect(proven).rejects.toMatchObject({
    code: "UNENFORCEABLE",
    message: expect.stringContaining(why),
  });
});
