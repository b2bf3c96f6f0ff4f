/**
 * Attacks the books: an effect without a record, a record without an effect, bytes that went another way.
 *
 * The gate is the real one; what broker, file port and wall say they counted is the attack.
 */
import { describe, expect, test } from "vitest";
import { balanceBooks, type Observed, observedOf } from "../../src/runtime/books.ts";
import type { Executed } from "../../src/runtime/gate-guard.ts";
import { attack, type Attacked } from "./forged-guest.ts";

const CONFIG = `:features [:network :fs]
  :network {:enabled true :egress {:via :proxy :rules [{:host "api.example.com" :methods [:GET]}]}}
  :capabilities {:fs {:enabled true :paths [{:path "/workspace" :mode :rw}]} :http {:enabled true}}`;
const PLAN = `(call :ccos.network.http-fetch "https://api.example.com/")
  (try (call :ccos.io.write-file "/workspace/a" "text") (catch _ e nil))`;
const REPLY: Executed = {
  ok: true,
  value: {
    $t: "map",
    v: [
      [{ $t: "kw", v: "status" }, 200],
      [
        { $t: "kw", v: "headers" },
        { $t: "map", v: [] },
      ],
      [{ $t: "kw", v: "body" }, ""],
    ],
  },
  facts: { requestBytes: 10, responseBytes: 20 },
};
const HONEST = { network: 1, sentBytes: 20, receivedBytes: 40, files: 1, strayBytes: 0 };

function run(seen: Partial<Observed>): Promise<Attacked> {
  const call = (id: number, capability: string, args: readonly string[]) => ({
    type: "call",
    id,
    capability,
    args,
  });
  return attack({
    plan: PLAN,
    config: CONFIG,
    value: REPLY,
    seen: { ...HONEST, ...seen },
    claims: [
      call(1, "ccos.network.http-fetch", ["https://api.example.com/"]),
      call(2, "ccos.io.write-file", ["/workspace/a", "text"]),
      { type: "result", ok: true, value: null },
    ] as never,
  });
}

describe("the books of a run", () => {
  test("agree when everyone counted the same, so the differences below are the attacks'", async () => {
    const { books, records } = await run({});
    expect(books.lines.filter(({ recorded }) => recorded > 0).map(({ name }) => name)).toEqual([
      "calls",
      "outcomes",
      "network",
      "sent-bytes",
      "received-bytes",
      "files",
    ]);
    expect([books.balanced, books.suspect]).toEqual([true, []]);
    const line = records.find(({ type }) => type === "BooksBalanced");
    expect(line?.data).toMatchObject({ balanced: true });
  });

  test.each<[string, Partial<Observed>, string]>([
    ["a request that no record names", { network: 2 }, "network"],
    ["a record of a request that nobody made", { network: 0 }, "network"],
    ["bytes sent that no record names", { sentBytes: 1_000_000 }, "sent-bytes"],
    ["fewer bytes received than recorded", { receivedBytes: 0 }, "received-bytes"],
    ["a file operation that no record names", { files: 2 }, "files"],
    ["bytes on a device of the wall", { strayBytes: 1 }, "stray-bytes"],
  ])(
    "%s makes the run suspect and names the line, in the chain too",
    async (_title, seen, name) => {
      const { books, records } = await run(seen);
      expect([books.balanced, books.suspect]).toEqual([false, [name]]);
      const line = records.find(({ type }) => type === "BooksBalanced");
      expect(line?.data).toMatchObject({ balanced: false, suspect: [name] });
    },
  );

  test("a recorded count that is missing or no number agrees with nothing", () => {
    const counts = { intended: 0, denied: 0, refused: 0, settled: 0, network: 0, files: 0 };
    const gate = { ...counts, sentBytes: 0, receivedBytes: 0 };
    const whole = { network: 0, sentBytes: 0, receivedBytes: 0, files: 0, strayBytes: null };
    expect(balanceBooks(0, gate, observedOf(whole)).balanced).toBe(true);
    for (const name of Object.keys(whole))
      for (const value of [undefined, "0", Number.NaN]) {
        const facts = { ...whole, [name]: value } as never;
        expect(balanceBooks(0, gate, observedOf(facts)).balanced, `${name} ${value}`).toBe(false);
      }
  });
});
