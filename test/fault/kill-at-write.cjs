/**
 * Kills its process at a write of a chain, for real: preload it with `--require`.
 *
 * `CCOS_TEST_KILL` is `before TYPE`, `after TYPE` or `torn TYPE`: at the first write that holds a record of this type
 * nothing, all, or the bytes as far as the middle of that record reach the file, and the process dies by SIGKILL.
 */
"use strict";
const { readlinkSync, writeSync } = require("node:fs");
const { open } = require("node:fs/promises");

const [when, type] = (process.env["CCOS_TEST_KILL"] ?? "").split(" ");

async function patch() {
  const probe = await open("/dev/null");
  const handles = Object.getPrototypeOf(probe);
  await probe.close();
  const { write } = handles;
  handles.write = function (bytes, ...rest) {
    if (!isMoment(this.fd, bytes)) return write.call(this, bytes, ...rest);
    if (when === "after") writeSync(this.fd, bytes);
    if (when === "torn") writeSync(this.fd, bytes.subarray(0, placeOf(bytes)));
    process.kill(process.pid, "SIGKILL");
    return new Promise(() => undefined);
  };
}

function isMoment(fd, bytes) {
  if (!readlinkSync(`/proc/self/fd/${fd}`).endsWith("/chain.jsonl")) return false;
  return placeOf(bytes) >= 0;
}

/** Inside the record's line; -1: it is not here. */
function placeOf(bytes) {
  return Buffer.from(bytes).indexOf(`"type":"${type}"`);
}

if (type !== undefined) void patch();
