/**
 * The DLP corpus: every rule finds its samples in every encoding that is promised, and nothing in
 * what only looks like them; ten megabytes of clean text hold next to nothing.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DLP_RULE_NAMES, scanContent, type DlpPolicy } from "../../src/policy/index.ts";
import { INBOUND_SAMPLES, OUTBOUND_SAMPLES } from "./dlp-samples.ts";

const DLP: DlpPolicy = { enabled: true, level: "strict" };
const out = { dlp: DLP, direction: "out" } as const;
const incoming = { dlp: DLP, direction: "in" } as const;

const names = (content: string | Uint8Array, options: typeof out | typeof incoming = out) =>
  scanContent([{ name: "body", content }], options).map(({ detector }) => detector);

type Encode = (content: Buffer) => string | Buffer;
const hex: Encode = (raw) => raw.toString("hex");
const base64: Encode = (raw) => raw.toString("base64");
const then =
  (first: Encode, second: Encode): Encode =>
  (raw) =>
    second(Buffer.from(first(raw)));
const ENCODINGS: readonly (readonly [string, Encode])[] = [
  ["plain", (raw) => raw],
  ["base64", base64],
  ["base64 at offset 1", (raw) => base64(Buffer.concat([Buffer.from("a "), raw]))],
  ["base64 at offset 2", (raw) => base64(Buffer.concat([Buffer.from(" "), raw]))],
  ["base64 glued behind letters", (raw) => `xy${String(base64(raw))}`],
  ["base64 in lines of 76", (raw) => String(base64(raw)).replace(/(.{76})/g, "$1\r\n")],
  ["base64url", (raw) => raw.toString("base64url")],
  ["hex", hex],
  ["upper-case hex", (raw) => raw.toString("hex").toUpperCase()],
  ["percent", (raw) => raw.toString("hex").replace(/(..)/g, "%$1")],
  ["URL component", (raw) => encodeURIComponent(raw.toString())],
  ["JSON", (raw) => JSON.stringify({ text: raw.toString() })],
  ["JSON in JSON", (raw) => JSON.stringify(JSON.stringify(raw.toString()))],
  ["JSON units", (raw) => raw.toString("hex").replace(/(..)/g, "\\u00$1")],
  [
    "quoted-printable",
    (raw) =>
      raw
        .toString("latin1")
        .replace(/[^\r\n]{1,9}/g, "$&=\r\n")
        .replaceAll("a", "=61"),
  ],
  ["UTF-16", (raw) => Buffer.from(raw.toString(), "utf16le")],
  ["gzip", (raw) => gzipSync(raw)],
  ["zlib", (raw) => deflateSync(raw)],
  ["zstd", (raw) => zstdCompressSync(raw)],
  ["gzip in base64", then((raw) => gzipSync(raw), base64)],
  [
    "gzip in gzip",
    then(
      (raw) => gzipSync(raw),
      (raw) => gzipSync(raw),
    ),
  ],
  [
    "multipart with gzip",
    (raw) =>
      Buffer.concat([
        Buffer.from('--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n'),
        gzipSync(raw),
        Buffer.from("\r\n--b--\r\n"),
      ]),
  ],
  [
    "multipart with base64",
    (raw) => `--b\r\nContent-Transfer-Encoding: base64\r\n\r\n${String(base64(raw))}\r\n--b--`,
  ],
  ["base64 three times", then(then(base64, base64), base64)],
  [
    "percent in base64 in JSON",
    (raw) => JSON.stringify(String(base64(Buffer.from(encodeURIComponent(raw.toString()))))),
  ],
];

describe("every rule has a sample", () => {
  test("of what it finds", () => {
    const shown = [...OUTBOUND_SAMPLES, ...INBOUND_SAMPLES].map(([rule]) => rule);
    const unshown = DLP_RULE_NAMES.filter((rule) => !shown.includes(rule));
    expect(unshown).toEqual(["dlp.opaque", "dlp.high-entropy", "dlp.decompression-bomb"]);
  });

  test.each(OUTBOUND_SAMPLES)("%s is found in %j, and not in %j", (rule, positive, negative) => {
    expect(names(`{"note": "before ${positive} after"}`)).toContain(rule);
    expect(names(negative)).not.toContain(rule);
  });

  test.each(INBOUND_SAMPLES)("%s is found in %j, and not in %j", (rule, positive, negative) => {
    expect(names(positive, incoming)).toContain(rule);
    expect(names(JSON.stringify({ body: positive }), incoming)).toContain(rule);
    expect(names(positive)).not.toContain(rule);
    expect(names(negative, incoming)).toEqual([]);
  });
});

describe("no encoding hides it", () => {
  // Low and medium ones are found too; a body has words around what it carries.
  test.each(ENCODINGS)("as %s", (_, encode) => {
    const missed = OUTBOUND_SAMPLES.filter(([rule, positive]) => {
      const content = encode(Buffer.from(`the value is ${positive} as asked`));
      return !names(content).includes(rule);
    });
    expect(missed).toEqual([]);
  });

  test.each([
    ["br", brotliCompressSync],
    ["deflate", deflateRawSync],
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ] as const)("as a body of Content-Encoding %s", (coding, compress) => {
    for (const [rule, positive] of OUTBOUND_SAMPLES) {
      const body = { name: "body", content: compress(Buffer.from(`the value is ${positive} .`)) };
      const found = scanContent([{ name: "header content-encoding", content: coding }, body], out);
      expect(found.map(({ detector }) => detector)).toContain(rule);
    }
  });

  test("in no part: path, query, header, host", () => {
    const [, secret] = OUTBOUND_SAMPLES[0]!;
    for (const name of ["host", "path", "header x-note", "header name"]) {
      const content = `/x?q=${Buffer.from(secret).toString("base64url")}`;
      const found = scanContent([{ name, content }], out);
      expect(found).toMatchObject([{ detector: "dlp.github-token", part: name }]);
    }
  });

  test("wherever the sample stands", () => {
    const sample = fc.constantFrom(...OUTBOUND_SAMPLES);
    const encoding = fc.constantFrom(...ENCODINGS);
    const noise = fc.string({ unit: "binary", maxLength: 80 });
    fc.assert(
      fc.property(sample, encoding, noise, noise, ([rule, positive], [, encode], head, tail) => {
        const encoded = encode(Buffer.from(`{"a": " ${positive} "}`));
        const content = Buffer.concat([
          Buffer.from(`${head}\n. `),
          Buffer.from(encoded),
          Buffer.from(` .\n${tail}`),
        ]);
        expect(names(content)).toContain(rule);
      }),
      { numRuns: 400 },
    );
  });
});

describe("what cannot be read is said", () => {
  test.each([
    ["a bomb", gzipSync(Buffer.alloc(64 << 20)), "dlp.decompression-bomb"],
    ["a bomb in a bomb", gzipSync(gzipSync(Buffer.alloc(256 << 20))), "dlp.decompression-bomb"],
    ["an archive of 7z", Buffer.from("7z\xbc\xaf\x27\x1crest", "latin1"), "dlp.opaque"],
    [
      "a broken gzip",
      Buffer.concat([gzipSync("x").subarray(0, 10), Buffer.alloc(40, 0xff)]),
      "dlp.opaque",
    ],
    ["random bytes", randomBytes(4096), "dlp.high-entropy"],
    ["random bytes in base64", randomBytes(4096).toString("base64"), "dlp.high-entropy"],
    [
      "random bytes in JSON",
      JSON.stringify({ data: randomBytes(4096).toString("base64") }),
      "dlp.high-entropy",
    ],
  ])("%s", (_, content, rule) => {
    expect(names(content)).toContain(rule);
  });

  test("a coding that nobody knows", () => {
    const parts = [
      { name: "header content-encoding", content: "aes128gcm" },
      { name: "body", content: "x" },
    ];
    expect(scanContent(parts, out)).toMatchObject([{ detector: "dlp.opaque", part: "body" }]);
  });
});

/** Repeatable: a seed of its own, so that a failure can be seen again. */
function randomBytes(size: number): Buffer {
  let state = 0x9e3779b9;
  return Buffer.from(
    Uint8Array.from({ length: size }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state & 255;
    }),
  );
}

describe("clean text", () => {
  test("ten megabytes of code, lockfiles, logs, hashes and identifiers hold next to nothing", () => {
    const files = [
      ...sources("node_modules/fast-check", /\.js$/),
      ...sources("node_modules/zod", /\.js$/),
      ...sources("docs", /\.md$/),
      "package-lock.json",
    ];
    const texts = files
      .map((file) => readFileSync(file, "utf8"))
      .concat(logs(56_000), hashes(30_000));
    const bytes = texts.reduce((sum, text) => sum + text.length, 0);
    expect(bytes).toBeGreaterThan(10e6);
    const found = new Map<string, number>();
    for (const content of texts) {
      for (const { detector, confidence, count } of scanContent([{ name: "body", content }], out)) {
        if (confidence === "high") found.set(detector, (found.get(detector) ?? 0) + count);
      }
    }
    expect(Object.fromEntries(found)).toEqual({});
  });
});

function sources(folder: string, ending: RegExp): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((file) => ending.test(file) && statSync(file).isFile())
    .slice(0, 250);
}

function logs(lines: number): string {
  const random = randomBytes(lines * 4);
  return Array.from({ length: lines }, (_, line) => {
    const id = random.subarray(line * 4, line * 4 + 4).toString("hex");
    const at = new Date(1.7e12 + line * 977).toISOString();
    return `${at} INFO [worker-${line % 16}] GET /v1/items/${line}?page=${line % 9} 200 ${line % 997}ms id=${id} bytes=${line * 13}`;
  }).join("\n");
}

function hashes(count: number): string {
  const random = randomBytes(count * 32);
  return Array.from({ length: count }, (_, index) => {
    const bytes = random.subarray(index * 32, index * 32 + 32);
    const id = bytes.toString("hex");
    return index % 2 === 0
      ? `"integrity": "sha256-${bytes.toString("base64")}"`
      : `${id.slice(0, 8)}-${id.slice(8, 12)}-4${id.slice(13, 16)}-a${id.slice(17, 20)}-${id.slice(20, 32)} ${id}`;
  }).join("\n");
}
