#!/usr/bin/env node
"use strict";
// Old syntax on purpose: a too-old Node must reach the message before it meets code it cannot parse.
var needed = 26;
var major = parseInt(process.versions.node.split(".")[0], 10);
if (!(major >= needed)) {
  process.stderr.write(
    "error NODE_TOO_OLD  ccos needs Node " +
      needed +
      " or newer, this is " +
      process.versions.node +
      "\n" +
      "  fix   inside the repository `npx ccos` and `npm run` use the Node that `npm install` brought;\n" +
      "        elsewhere install Node " +
      needed +
      " or newer\n",
  );
  process.exit(69);
}
require("node:module").enableCompileCache(
  require("node:path").join(__dirname, "..", "dist", ".cache"),
);
void require("../dist/start.cjs").start();
