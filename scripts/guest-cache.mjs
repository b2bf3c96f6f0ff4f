/**
 * Prints V8's bytecode of the guest's bundle, after it has run plans, so that what a plan needs is in it.
 *
 * `node FLAGS scripts/guest-cache.mjs BUNDLE PLAN... > CACHE`, with the V8 flags of the guest: V8 takes a cache
 * only under the flags it was made with. Each plan runs as in a wall, over a channel in memory whose host
 * answers every call with nil. scripts/build.mjs starts it.
 */
import { readFileSync, writeSync } from "node:fs";
import { Script } from "node:vm";
import { encodeFrame, FrameReader } from "../src/foundation/framing.ts";

const [bundle, ...plans] = process.argv.slice(2);

/** `node:fs` whose every descriptor is a host that has this plan run, and whether it got its result. */
function hostOf(source) {
  const session = "00".repeat(32);
  const limits = { fuel: 10_000_000, depthMax: 1_000 };
  const hello = { type: "hello", version: 1, session, image: "cache" };
  const program = { source, file: "plan.rtfs", modules: [], args: [] };
  const execute = { type: "execute", id: 1, ...program, ...limits };
  let toGuest = Buffer.concat([hello, execute].map(encodeFrame));
  const reader = new FrameReader();
  const host = { ended: false };
  const readSync = (_, bytes, at, length) => {
    const count = toGuest.copy(bytes, at, 0, length);
    toGuest = toGuest.subarray(count);
    return count;
  };
  const writeSync = (_, bytes, at = 0) => {
    for (const message of reader.push(bytes.subarray(at)).value) {
      const answer = { type: "result", id: message.id, ok: true, value: null };
      if (message.type === "call") toGuest = Buffer.concat([toGuest, encodeFrame(answer)]);
      // Plans may fail on such answers; the guest itself must not.
      host.ended ||= message.type === "result" && message.error?.code !== "INTERNAL";
    }
    return bytes.length - at;
  };
  return Object.assign(host, { fs: { readSync, writeSync } });
}

const text = readFileSync(bundle, "latin1");
const script = new Script(`(function (require) {${text}\n})`, { filename: "rtfs-guest.cjs" });
for (const plan of plans) {
  const host = hostOf(readFileSync(plan, "utf8"));
  script.runInThisContext()(() => host.fs);
  if (!host.ended) throw new Error(`The guest did not end the plan ${plan}`);
}
process.exitCode = 0;
const cache = script.createCachedData();
for (let at = 0; at < cache.length; ) at += writeSync(1, cache, at);
