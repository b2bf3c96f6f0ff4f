/** Anchors at real targets: directories, git, an HTTP server, and OpenSSL as the time stamping authority. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { elements } from "../../src/chain/anchor/der.ts";
import { readAnswer, readToken, stampRequest } from "../../src/chain/anchor/time-stamp.ts";
import {
  type Anchor,
  anchorCheckpoint,
  type AnchorTarget,
  type Checkpoint,
  hostLog,
  openCheckpoint,
  originOf,
  readAnchors,
  readCheckpoint,
  type Review,
  reviewAnchor,
} from "../../src/chain/index.ts";
import { runId, type SealedHost, sealedHost } from "./sealed-host.ts";
import { startTimeAuthority, type TimeAuthority } from "./time-authority.ts";

let directory: string;
let host: SealedHost;
let authority: TimeAuthority;
let number = 0;
const at = (...names: string[]): string => join(directory, ...names);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ccos-anchor-"));
  host = await sealedHost(at("home"));
  for (const name of ["tsa", "disk"]) mkdirSync(at(name));
  authority = await startTimeAuthority(at("tsa"));
}, 30_000);
afterAll(async () => {
  await authority.close();
  rmSync(directory, { recursive: true });
});
beforeEach(async () => {
  authority.answer = null;
  await host.seal(runId(number++), 2);
});

async function anchor(target: AnchorTarget): Promise<Anchor> {
  const log = hostLog(host.stateDir);
  const { note, ...checkpoint } = (await readCheckpoint(log, host.key.publicKey))!;
  const request = {
    log,
    target,
    nowMs: () => 1_763_700_000_000,
    signal: new AbortController().signal,
  };
  return await anchorCheckpoint(request, { checkpoint, note });
}

function opened(note: string): Checkpoint | null {
  const { publicKey } = host.key;
  const checkpoint = openCheckpoint(note, { name: originOf(publicKey), publicKey });
  return checkpoint.ok ? checkpoint.value : null;
}

async function verdict(of: Anchor, root: string | null = of.root): Promise<Review["verdict"]> {
  return (await reviewAnchor(of, () => root, opened)).verdict;
}

describe("a directory", () => {
  test("gets one new file a checkpoint, and never another content under its name", async () => {
    const target: AnchorTarget = { kind: "file", path: at("disk") };
    const first = await anchor(target);
    expect(await verdict(first)).toBe("holds");
    expect(await verdict(await anchor(target))).toBe("holds");
    expect(readdirSync(at("disk"))).toHaveLength(1);
    const file = first.proof!["file"] as string;
    expect(readFileSync(file, "utf8")).toBe(first.note);
    writeFileSync(file, "something else");
    expect(await verdict(first)).toBe("gone");
    expect(await anchor(target)).toMatchObject({ proof: null, error: /something else/ });
  });

  test("that is not there is a failure that is kept", async () => {
    const failed = await anchor({ kind: "file", path: at("absent") });
    expect(failed).toMatchObject({
      proof: null,
      error: expect.stringContaining("ENOENT") as string,
    });
    expect(await verdict(failed)).toBe("failed");
    const kept: Anchor[] = [];
    for await (const each of readAnchors(hostLog(host.stateDir))) kept.push(each);
    expect(kept.at(-1)).toEqual(failed);
  });
});

describe("a git repository", () => {
  test("gets one commit a checkpoint on a branch of its own, and no hook or work tree takes part", async () => {
    const path = at("repository");
    mkdirSync(path);
    const git = (...args: readonly string[]): string =>
      execFileSync("git", args, { cwd: path, encoding: "utf8" }).trim();
    git("init", "-q");
    for (const hook of ["pre-commit", "commit-msg", "reference-transaction"]) {
      const body = `#!/bin/sh\ntouch "${at("hooked")}"\nexit 1\n`;
      if (hook !== "reference-transaction")
        writeFileSync(join(path, ".git", "hooks", hook), body, { mode: 0o755 });
    }
    const target: AnchorTarget = { kind: "git", path };
    const first = await anchor(target);
    await host.seal(runId(number++), 2);
    const second = await anchor(target);
    expect([await verdict(first), await verdict(second)]).toEqual(["holds", "holds"]);
    expect(git("log", "--format=%H", "ccos-checkpoints").split("\n")).toEqual([
      second.proof!["commit"],
      first.proof!["commit"],
    ]);
    expect(`${git("cat-file", "blob", "ccos-checkpoints:checkpoint")}\n`).toBe(second.note);
    expect(readdirSync(path)).toEqual([".git"]);
    expect(readdirSync(directory)).not.toContain("hooked");
    git("update-ref", "refs/heads/ccos-checkpoints", first.proof!["commit"] as string);
    expect([await verdict(first), await verdict(second)]).toEqual(["holds", "gone"]);
  });

  test("that is none is a failure", async () => {
    expect(await anchor({ kind: "git", path: at("disk") })).toMatchObject({ proof: null });
  });
});

describe("another host", () => {
  let server: Server;
  let answers: [status: number, body: string][];
  let bodies: string[];
  let url: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const [status, body] = answers.shift() ?? [500, ""];
      let text = "";
      request.setEncoding("utf8").on("data", (part: string) => (text += part));
      request.on("end", () => {
        bodies.push(text);
        response.writeHead(status, { location: url }).end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/witness`;
  });
  afterAll(() => void server.close());
  beforeEach(() => {
    bodies = [];
  });

  test("gets the note, and its JSON answer is kept", async () => {
    answers = [[200, '{"seen":1}']];
    const done = await anchor({ kind: "http", url });
    expect(done).toMatchObject({ proof: { url, answer: { seen: 1 } }, error: "" });
    expect(bodies).toEqual([done.note]);
    expect(await verdict(done)).toBe("holds");
  });

  test("is asked again when it fails, three times at most, and not when it refuses", async () => {
    answers = [
      [503, ""],
      [502, ""],
      [200, "{}"],
    ];
    expect(await anchor({ kind: "http", url })).toMatchObject({ error: "" });
    answers = [];
    expect(await anchor({ kind: "http", url })).toMatchObject({ proof: null, error: /status 500/ });
    expect(bodies).toHaveLength(6);
    const refusals: [number, string][] = [
      [403, "{}"],
      [302, "{}"],
      [200, "[]"],
      [200, "no json"],
      [200, `"${"a".repeat(70_000)}"`],
    ];
    for (const refusal of refusals) {
      answers = [refusal];
      bodies = [];
      expect(await anchor({ kind: "http", url })).toMatchObject({ proof: null });
      expect(bodies).toHaveLength(1);
    }
  });
});

describe("a time stamping authority", () => {
  test("gives a token that OpenSSL verifies over the note, and over no other", async () => {
    const done = await anchor({ kind: "rfc3161", url: authority.url });
    expect(done).toMatchObject({ error: "", proof: { time: /^20[0-9]{12}Z$/ } });
    expect(await verdict(done)).toBe("holds");
    writeFileSync(at("token"), Buffer.from(done.proof!["token"] as string, "base64"));
    const verify = (note: string): string => {
      writeFileSync(at("note"), note);
      const files = ["-in", at("token"), "-token_in", "-data", at("note")];
      const trust = ["-CAfile", authority.certificate];
      return execFileSync("openssl", ["ts", "-verify", ...files, ...trust], {
        stdio: "pipe",
      }).toString();
    };
    expect(verify(done.note)).toContain("Verification: OK");
    expect(() => verify(`${done.note}x`)).toThrow();
    const other = { ...done, proof: { ...done.proof, token: "AAAA" } };
    expect(await verdict(other)).toBe("gone");
  });

  test("that refuses, answers something else or nothing is a failure", async () => {
    const refusal = Buffer.from("30053003020102", "hex");
    for (const body of [refusal, Buffer.from("hello"), Buffer.alloc(0)]) {
      authority.answer = { status: 200, body };
      authority.asked = 0;
      expect(await anchor({ kind: "rfc3161", url: authority.url })).toMatchObject({ proof: null });
      expect(authority.asked).toBe(1);
    }
  });

  test("whose answer belongs to another request or text is not believed", async () => {
    const ask = async (text: string) => {
      const request = stampRequest(text);
      const answer = await fetch(authority.url, {
        method: "POST",
        body: new Uint8Array(request.bytes),
      });
      return { ...request, answer: Buffer.from(await answer.arrayBuffer()) };
    };
    const [one, two] = [await ask("one"), await ask("two")];
    expect(readAnswer(one.answer, "one", one.nonce)).toMatchObject({ ok: true });
    expect(readAnswer(one.answer, "one", two.nonce)).toMatchObject({ ok: false });
    expect(readAnswer(one.answer, "two", one.nonce)).toMatchObject({ ok: false });
    // No cut or changed answer is taken for another's, and none throws.
    for (let end = 0; end < one.answer.length; end++) {
      expect(readAnswer(one.answer.subarray(0, end), "one", one.nonce).ok).toBe(false);
    }
    fc.assert(
      fc.property(
        fc.nat(one.answer.length - 1),
        fc.integer({ min: 1, max: 255 }),
        (index, bits) => {
          const changed = Buffer.from(one.answer);
          changed[index]! ^= bits;
          const read = readAnswer(changed, "one", one.nonce);
          // What is signed, and not what we look at, is OpenSSL's to judge.
          if (read.ok) expect(readToken(read.value.token, "two").ok).toBe(false);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

test("DER has one spelling of a length, and what is cut is none", () => {
  expect(elements(Buffer.from("0401aa0400", "hex"))).toHaveLength(2);
  for (const hex of ["04", "0480", "048101aa", "04820001aa", "0402aa", "1f0100", "0484000000"]) {
    expect(elements(Buffer.from(hex, "hex"))).toBeNull();
  }
});

test("an anchor of another history is told", async () => {
  const done = await anchor({ kind: "file", path: at("disk") });
  expect(await verdict(done, "0".repeat(64))).toBe("log-fork");
  expect(await verdict(done, null)).toBe("log-fork");
  expect(await verdict({ ...done, root: "0".repeat(64) }, "0".repeat(64))).toBe("gone");
});
