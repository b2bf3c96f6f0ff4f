/**
 * `npm run check`: every judgement about the sources, side by side on two cores, and one verdict.
 * Prints each tool's own output only when it failed.
 */
import { spawn } from "node:child_process";

const tools = [
  ["typecheck", "tsc", ["--noEmit"]],
  ["format", "biome", ["format", "."]],
  ["lint", "oxlint", ["--type-aware", "--deny-warnings"]],
  [
    "layers",
    "depcruise",
    ["--config", ".dependency-cruiser.cjs", "--output-type", "err-long", "src", "guest"],
  ],
  ["unused", "knip", []],
];
const run = ([name, command, args]) =>
  new Promise((resolve) => {
    const started = performance.now();
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    child.stdout.on("data", (chunk) => (text += chunk));
    child.stderr.on("data", (chunk) => (text += chunk));
    child.on("error", (error) => resolve({ name, ok: false, text: String(error), seconds: 0 }));
    child.on("close", (status) =>
      resolve({ name, ok: status === 0, text, seconds: (performance.now() - started) / 1000 }),
    );
  });
const queue = [...tools];
const results = [];
const worker = async () => {
  for (let tool = queue.shift(); tool; tool = queue.shift()) results.push(await run(tool));
};
await Promise.all([worker(), worker()]);
const layers = results.find((result) => result.name === "layers");
const seen = Number(/(\d+) modules/.exec(layers.text)?.[1] ?? 0);
if (layers.ok && seen < 50) {
  layers.ok = false;
  layers.text += `\nThe layers checker saw only ${seen} modules: it looked at nothing.`;
}
for (const result of results) {
  console.log(
    `${result.ok ? "ok  " : "FAIL"} ${result.name.padEnd(10)} ${result.seconds.toFixed(1)} s`,
  );
  if (!result.ok) console.log(result.text);
}
process.exit(results.every((result) => result.ok) ? 0 : 1);
