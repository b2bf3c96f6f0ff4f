import { expect, test } from "vitest";
import { bodyText, type ChainBody, digestOf, genesisOf, linkRecord, lineOf } from "./record.ts";

const BODY: ChainBody = {
  v: 1,
  chain: "run-01HF7YAT00ZZZZZZZZZZZZZZZZ",
  seq: 7,
  prev: "ab".repeat(32),
  ts: 1_763_700_000_000,
  type: "CallIntended",
  data: { rule: "network.egress.rules[0]", call: 1 },
  facts: { städte: ["Köln"] },
};

test("genesisOf is SHA-256 over tag, chain id and config digest", () => {
  // printf 'ccos.chain.v1.genesis\0run-1\0sha256:aa' | sha256sum
  expect(genesisOf("run-1", "sha256:aa")).toBe(
    "4e3b7e1c8a3384b79bffc82cd44760cafa8fce6b54c77cac18cbb03e10379792",
  );
});

test("digestOf is SHA-256 over the canonical text and names its algorithm", () => {
  // printf '{"a":[],"b":1}' | sha256sum
  expect(digestOf({ b: 1, a: [] })).toBe(
    "sha256:1c8f8816506a8ccbc55140d8a7bb70214a8942c7030fc0fc2914cec675cd1c15",
  );
});

test("linkRecord hashes the tag and exactly the bytes that stand in the line", () => {
  const text =
    '{"chain":"run-01HF7YAT00ZZZZZZZZZZZZZZZZ","data":{"call":1,"rule":"network.egress.rules[0]"},"facts":{"städte":["Köln"]},' +
    `"prev":"${"ab".repeat(32)}","seq":7,"ts":1763700000000,"type":"CallIntended","v":1}`;
  expect(bodyText(BODY)).toBe(text);
  // (printf 'ccos.chain.v1\0'; printf '%s' "$text") | sha256sum
  expect(linkRecord(BODY).hash).toBe(
    "f0271162a7e0b0cc209dd3523e5e5715ddd50893d96229705baded15942f7d00",
  );
  expect(lineOf(text, "00")).toBe(`{"body":${text},"hash":"00"}`);
});
