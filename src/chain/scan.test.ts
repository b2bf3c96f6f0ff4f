import { hash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../foundation/canonical-json.ts";
import type { JsonObject, JsonValue } from "../foundation/json.ts";
import { hashOfBody, lineOf } from "./record.ts";
import { LineChecker } from "./lines.ts";
import { scanBody as scanWithin } from "./scan.ts";

const FRAME = [
  '{"chain":"run-1","data":',
  ',"facts":{},"prev":"',
  '","seq":3,"ts":5,"type":"GuestLog","v":1}',
];
const PREV = "0".repeat(64);

function framed(data: string): string {
  return `${FRAME[0]}${data}${FRAME[1]}${PREV}${FRAME[2]}`;
}

const scanBody = (text: string): ReturnType<typeof scanWithin> =>
  scanWithin(`<<${text}>>`, 2, 2 + text.length);

/** The verdict of the full parser on the same body. */
function isCanonical(text: string): boolean {
  try {
    return canonicalJson(JSON.parse(text) as JsonValue) === text;
  } catch {
    return false;
  }
}

function lineFor(text: string): Buffer {
  return Buffer.from(lineOf(text, hashOfBody(text)));
}

describe("scanBody", () => {
  test("reads the header fields of a plain body", () => {
    expect(scanBody(framed('{"a":[1,-2,{"b":"x"}],"c":null,"d":true,"e":false}'))).toEqual({
      chain: "run-1",
      seq: 3,
      prev: PREV,
      type: "GuestLog",
    });
  });

  test.each([
    ['{"b":1,"a":2}'],
    ['{"a":1,"a":2}'],
    ['{"a":01}'],
    ['{"a":-0}'],
    ['{"a":1.0}'],
    ['{"a":1e2}'],
    ['{"a":+1}'],
    ['{"a":-}'],
    ['{"a":}'],
    ['{"a" :1}'],
    ['{"a":1,}'],
    ['{,"a":1}'],
    ['{"a":[1,]}'],
    ['{"a":[,1]}'],
    ['{"a":[1 ,2]}'],
    ['{"a":truex}'],
    ['{"a":nul}'],
    ['{"a":"x}'],
    ["{a:1}"],
    ['{"a":1'],
    ['{"a":9007199254740993}'],
    [`{"a":${"[".repeat(201)}${"]".repeat(201)}}`],
    ['{},"facts":{}'],
  ])("leaves %s to the full parser", (data) => {
    expect(scanBody(framed(data))).toBeNull();
  });

  test("never takes what the full parser refuses: one character changed", () => {
    const character = fc.constantFrom(...'{}[]:,"0123456789-+.eEtfn \\x\u0001\u007fé'.split(""));
    fc.assert(
      fc.property(
        fc.object({ maxDepth: 3 }),
        character,
        fc.nat(),
        fc.nat(2),
        (value, unit, pick, how) => {
          const data = canonicalJson(JSON.parse(JSON.stringify(value)) as JsonObject);
          const at = pick % (data.length + 1);
          const changed =
            data.slice(0, at) + (how === 0 ? "" : unit) + data.slice(at + (how === 2 ? 0 : 1));
          const text = framed(changed);
          const line = new LineChecker().check(lineFor(text));
          if (line.kind === "record") expect(isCanonical(text)).toBe(true);
          expect(line.kind === "record").toBe(isCanonical(text) && isFramed(text));
        },
      ),
      { numRuns: 20_000 },
    );
  });
});

/** Whether the change left the fields of the frame as they are. */
function isFramed(text: string): boolean {
  const body = JSON.parse(text) as JsonObject;
  const { data, facts } = body;
  const keys = "chain data facts prev seq ts type v";
  return (
    Object.keys(body).join(" ") === keys &&
    typeof data === "object" &&
    data !== null &&
    !Array.isArray(data) &&
    JSON.stringify(facts) === "{}"
  );
}

describe("LineChecker", () => {
  test.each([
    ["a control character", '{"a":"\u0001"}', "malformed"],
    ["a control character at every place of a word", '{"a":"xxx\u001fx"}', "malformed"],
    ["an escape that is not minimal", '{"a":"\\u0041"}', "non-canonical"],
    ["an escaped slash", '{"a":"\\/"}', "non-canonical"],
    ["a lone surrogate", '{"a":"\\ud800"}', "non-canonical"],
    ["keys out of order", '{"b":1,"a":1}', "non-canonical"],
    ["a key twice", '{"a":1,"a":1}', "non-canonical"],
  ])("refuses %s although the hash fits", (_name, data, reason) => {
    expect(new LineChecker().check(lineFor(framed(data)))).toMatchObject({ kind: "fault", reason });
  });

  test.each([
    ["\u007f", '{"a":"\u007f"}'],
    ["umlauts", '{"ä":"ö"}'],
    ["a fraction", '{"a":0.5}'],
    ["a minimal escape", '{"a":"\\n\\""}'],
  ])("takes %s by the full parser", (_name, data) => {
    expect(new LineChecker().check(lineFor(framed(data)))).toMatchObject({
      kind: "record",
      seq: 3,
    });
  });

  test("refuses a body that is not UTF-8 although the hash fits", () => {
    const body = Buffer.from(framed('{"a":"\u00ff"}'), "latin1");
    const fitting = hash("sha256", Buffer.concat([Buffer.from("ccos.chain.v1\0"), body]));
    const line = Buffer.concat([
      Buffer.from('{"body":'),
      body,
      Buffer.from(`,"hash":"${fitting}"}`),
    ]);
    expect(new LineChecker().check(line)).toMatchObject({ kind: "fault", reason: "malformed" });
  });

  test("reads lines longer and shorter than its workspace alike", () => {
    const checker = new LineChecker();
    for (const length of [10, 9000, 3, 40_000, 4096]) {
      const line = lineFor(framed(`{"a":"${"x".repeat(length)}"}`));
      expect(checker.check(line)).toMatchObject({ kind: "record", seq: 3 });
    }
  });
});
