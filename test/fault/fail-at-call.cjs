/**
 * Fails one call to the system, counted from the process's start: preload it with `--require`.
 *
 * `CCOS_TEST_FAIL` is its number; 0 fails none. Files that it opens, makes and writes and its connections are
 * counted; each call fails as a broken disk or network does. `CCOS_TEST_CALLS` names a file that has the names of all calls at the end.
 */
"use strict";
const fs = require("node:fs");
const net = require("node:net");
const promises = require("node:fs/promises");

const target = Number(process.env["CCOS_TEST_FAIL"] ?? "0");
const names = [];

function isNext(name) {
  names.push(name);
  return names.length === target;
}

function failure(name) {
  return Object.assign(new Error(`EIO: ${name} was failed`), { code: "EIO", syscall: name });
}

function patch(object, name, label, fail) {
  const original = object[name];
  object[name] = function (...args) {
    return isNext(label) ? fail(label) : original.apply(this, args);
  };
}

const rejected = (label) => Promise.reject(failure(label));
for (const name of ["open", "mkdir", "rename", "link", "unlink"])
  patch(promises, name, name, rejected);
patch(net, "connect", "connect", (label) => new net.Socket().destroy(failure(label)));

// The handles' own calls: their prototype is reached by one of them.
const METHODS = ["write", "writeFile", "datasync", "sync", "truncate"];
let patched = false;
const opened = promises.open;
promises.open = async (...args) => {
  const handle = await opened(...args);
  if (!patched) {
    patched = true;
    const handles = Object.getPrototypeOf(handle);
    for (const name of METHODS) patch(handles, name, `handle.${name}`, rejected);
  }
  return handle;
};

process.on("exit", () => {
  const path = process.env["CCOS_TEST_CALLS"];
  if (target === 0 && path !== undefined) fs.writeFileSync(path, names.join("\n"));
});
