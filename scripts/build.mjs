/**
 * Bundles the executables: the CLI (dist/start.cjs and what it loads), what runs inside the walls (dist/guest/*.cjs),
 * the language server (dist/lsp.cjs), the supervisor that a measurement kills (dist/measure-supervisor.cjs), and the
 * thread of a verification (dist/verify-worker.cjs).
 *
 * One file starts in half the time of many and is one file to mount. The CLI alone is split, where it imports
 * dynamically: first what raises a wall, then a run, then the other commands. What most commands never touch
 * (network, TLS, compression, the public suffix list) is loaded at its first use.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { rolldown } from "rolldown";
import { EVALUATOR_STACK_KIB, guestV8Flags } from "../src/isolation/program.ts";

const LATE =
  /^(node:(http|https|net|tls|zlib|dgram|dns\/promises|fs\/promises|child_process|timers\/promises|url|readline|crypto|buffer|os|util|stream|worker_threads)|\.\/public-suffix\.cjs)$/;

/** `require` at the top becomes `require` at the first property that is read. */
function loadLate(code) {
  const text = code.replaceAll(
    /^(?:let|var) (\w+) = (?:require\("([^"]+)"\)|\/\* @__PURE__ \*\/ __toESM\((require_ipaddr)\(\), 1\));$/gm,
    (line, name, path, wrapped) => {
      if (wrapped !== undefined) return `var ${name} = __late(() => __toESM(${wrapped}(), 1));`;
      return LATE.test(path)
        ? `var ${name} = __late(() => require(${JSON.stringify(path)}));`
        : line;
    },
  );
  if (text === code) return null;
  const late =
    "var __late = (load) => { let it; return new Proxy({}, { get: (_, key) => { " +
    "it ??= load(); return key === 'default' && !('default' in it) ? it : it[key]; } }); };\n";
  return late + text;
}

/** Node and V8 hold text of one byte a character in half the room. Such characters are in strings and patterns only. */
function asciiOf(code) {
  return code.replaceAll(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * @param inputs - Name of the file in dist, without its ending, to the module it begins with.
 * @param options - `short`: names are shortened too. `late`: see LATE.
 */
async function bundle(inputs, { short = false, late = false } = {}) {
  let lateCount = 0;
  const countedLate = (code) => {
    const text = late ? loadLate(code) : null;
    if (text !== null) lateCount += text.split("__late(").length - 1;
    return text;
  };
  const bundled = await rolldown({
    input: inputs,
    platform: "node",
    external: late ? [/\/public-suffix\.cjs$/, /\/lsp\.cjs$/] : [],
    treeshake: { moduleSideEffects: false },
    transform: {
      target: "node26",
      define: { "import.meta.url": "undefined", "import.meta.dirname": "undefined" },
    },
    plugins: [
      {
        name: "other-files",
        // The language server is an editor's alone; the suffix list is data that only wildcards in a config need.
        resolveId: (path) => {
          if (!late) return null;
          if (path === "tldts-icann") return { id: "./public-suffix.cjs", external: true };
          return path.endsWith("/lsp/index.ts") ? { id: "./lsp.cjs", external: true } : null;
        },
        renderChunk: countedLate,
        generateBundle: (_, files) => {
          for (const file of Object.values(files)) file.code = asciiOf(file.code);
        },
      },
    ],
    logLevel: "warn",
  });
  await bundled.write({
    dir: "dist",
    format: "cjs",
    minify: { compress: true, mangle: short, codegen: true },
    entryFileNames: "[name].cjs",
    chunkFileNames: "cli-[name].cjs",
    comments: false,
  });
  if (late && lateCount < 8)
    throw new Error(
      `Only ${lateCount} modules are loaded late: the bundler's output has another shape`,
    );
}

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist/guest", { recursive: true });
copyFileSync("guest/ccos_client.py", "dist/guest/ccos_client.py");
copyFileSync("node_modules/quickjs-wasi/quickjs.wasm", "dist/guest/quickjs.wasm");
copyFileSync("node_modules/quickjs-wasi/LICENSE", "dist/guest/quickjs.LICENSE");
const guests = readdirSync("guest").filter(
  (name) => name.endsWith(".ts") && !name.endsWith(".test.ts"),
);
await Promise.all([
  bundle({ start: "src/cli/start.ts" }, { late: true }),
  bundle({ "measure-supervisor": "src/isolation/measure-supervisor.ts" }),
  bundle({ "verify-worker": "src/chain/verify-worker.ts" }, { short: true }),
  bundle({ lsp: "src/lsp/index.ts" }, { short: true }),
  bundle({ "public-suffix": "tldts-icann" }, { short: true }),
  ...guests.map((name) =>
    bundle({ [`guest/${name.replace(/\.ts$/, "")}`]: `guest/${name}` }, { short: true }),
  ),
]);

/** Plans that use much of the language, so that its code is compiled. */
const plans = ["etl", "order-states", "csv-statistics", "mail-merge"];
const cache = execFileSync(process.execPath, [
  ...guestV8Flags(EVALUATOR_STACK_KIB),
  "scripts/guest-cache.mjs",
  "dist/guest/rtfs-guest.cjs",
  ...plans.map((name) => `examples/plans/${name}.rtfs`),
]);
writeFileSync("dist/guest/rtfs-guest.cache", cache);
