/**
 * Starts the evaluator inside the wall: its bundle, with the bytecode that V8 made of it when it was built.
 *
 * Compiling the bundle costs a third of a start; the cache saves that, and nothing else depends on it: V8 refuses
 * one of another version, other flags or another text, and compiles. scripts/guest-cache.mjs makes it, and
 * wraps the text as it is wrapped here.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";

const source = readFileSync(join(__dirname, "rtfs-guest.cjs"), "latin1");
const script = new Script(`(function (require) {${source}\n})`, {
  filename: "rtfs-guest.cjs",
  cachedData: readFileSync(join(__dirname, "rtfs-guest.cache")),
});
(script.runInThisContext() as (load: typeof require) => void)(require);
