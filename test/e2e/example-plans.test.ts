/**
 * The plans of examples/plans run as they stand, against the office they name, on a port of its own; each chain
 * verifies and replays. What a plan gives back is written here, so that an example cannot rot.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT, type Sandbox, sandbox } from "./ccos.ts";

const VALUES: Readonly<Record<string, string>> = {
  approval: '{:approved true :by "Margaret" :looks 3 :released true}',
  compensation:
    '[{:order "A-1" :state :placed :parts ["reserve" "charge" "ship"]} {:order "C-3" :state :taken-back ' +
    ':why "POST /shipments answered 422" :undone ["charge" "reserve"]}]',
  "csv-statistics":
    '{:places ["Berlin" "Paris, centre" "the \\"north\\""] :least -3.0 :most 7.25 :mean 2.9166666666666665}',
  drift: '{:operations 4 :paths ["/debug" "/env/LOG" "/env/REGION" "/replicas"]}',
  etl: "{:read 5 :countries 3 :cents 24810}",
  invoice: '{:lines 3 :total "595.60 EUR"}',
  "mail-merge": '{:sent 2 :sample "Dear Ada,\\n\\nyour invoice over 1 EUR is due on today.\\n"}',
  "order-states":
    '[{:order "4711" :state :done} {:order "4712" :state :new :refused :shipped} ' +
    '{:order "4713" :state :cancelled} {:order "4714" :state :new :refused :paid}]',
  "parallel-fetch": "{:lamp 444 :chair 555 :desk 444 :total 1443}",
  quarantine: "{:good 2 :quarantined 3 :value 29900}",
  "rate-limit": "[{:part 1 :pauses 1} {:part 2 :pauses 1} {:part 3 :pauses 1}]",
  report: '{:services 3 :down ["mail"]}',
  retry: '{:answer {"ready" true} :attempts 3}',
  "sync-contacts": "{:first {:unchanged 1 :updated 1 :created 1} :second {:unchanged 3}}",
};
const NAMES = globSync("examples/plans/*.config.rtfs", { cwd: ROOT }).map((file) =>
  basename(file, ".config.rtfs"),
);

let box: Sandbox;
let office: ChildProcess;
beforeAll(async () => {
  box = sandbox();
  const plans = join(box.dir, "plans");
  cpSync(join(ROOT, "examples", "plans"), plans, { recursive: true });
  office = spawn(process.execPath, [join(plans, "server.mjs")], {
    env: { PORT: "0" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const port = await new Promise<string>((resolve) => {
    office.stdout?.once("data", (line: Buffer) => resolve(line.toString().trim()));
  });
  for (const name of NAMES) {
    const file = join(plans, `${name}.config.rtfs`);
    writeFileSync(file, readFileSync(file, "utf8").replaceAll("8747", port));
  }
});
afterAll(() => {
  office.kill();
  box.remove();
});

describe("examples/plans", () => {
  test("every plan has its value here, and there are at least twelve", () => {
    expect(NAMES.toSorted()).toEqual(Object.keys(VALUES).toSorted());
    expect(NAMES.length).toBeGreaterThanOrEqual(12);
  });

  test.each(NAMES)("%s is granted before it runs, gives its value, and replays", async (name) => {
    const config = `plans/${name}.config.rtfs`;
    const planned = await box.run(["plan", config]);
    expect(planned, planned.stderr).toMatchObject({ status: 0 });
    const done = await box.run(["run", config]);
    expect(done, done.stderr).toMatchObject({ status: 0, stdout: `${VALUES[name]}\n` });
    const verified = await box.run(["chain", "verify", "last", "--replay"]);
    expect(verified, verified.stderr).toMatchObject({ status: 0 });
    expect(verified.stderr + verified.stdout).toContain("IDENTICAL");
  });
});
