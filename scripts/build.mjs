/**
 * Bundles the executables to one file each: the CLI (dist/cli.cjs), what runs inside the walls
 * (dist/guest/*.cjs), the language server (dist/lsp.cjs), and the supervisor that a measurement kills (dist/measure-supervisor.cjs).
 *
 * One file starts in half the time of many and is one file to mount. In the CLI, modules that most commands
 * never touch (network, TLS, compression, the public suffix list) are loaded at their first use.
 */
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { build, transform } from "esbuild";
import { EVALUATOR_STACK_KIB, guestV8Flags } from "../src/isolation/program.ts";

const LAZY_BUILTINS =
  /^node:(http|https|net|tls|zlib|dgram|dns\/promises|child_process|timers\/promises|url|readline|crypto|buffer)$/;
/** The public suffix list is a quarter of the code and only wildcards in a config need it: a file of its own. */
const SUFFIX_LIST = { package: "tldts-icann", file: "public-suffix.cjs" };
const LAZY_MODULES = new Set([`./${SUFFIX_LIST.file}`]);
/** The language server is an editor's alone: `ccos rtfs lsp` imports it, no other command. */
const LANGUAGE_SERVER = { entry: "src/lsp/index.ts", file: "lsp.cjs" };
const LAZY_PACKAGES = /^require_ipaddr$/;

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist/guest", { recursive: true });
const common = {
  bundle: true,
  platform: "node",
  target: "node26",
  format: "cjs",
  legalComments: "none",
  logLevel: "warning",
  define: { "import.meta.url": "undefined", "import.meta.dirname": "undefined" },
};

/** `require` at the top becomes `require` at the first property that is read. */
function loadLazily(code) {
  let count = 0;
  const text = code.replaceAll(
    /^var (import_\w+) = (?:__toESM\()?(?:require\("([^"]+)"\)|(require_\w+)\(\))(?:, 1)?\)?;$/gm,
    (line, name, builtin, wrapped) => {
      const isLazy =
        builtin === undefined
          ? LAZY_PACKAGES.test(wrapped)
          : LAZY_BUILTINS.test(builtin) || LAZY_MODULES.has(builtin);
      if (!isLazy) return line;
      count++;
      const load = builtin === undefined ? `${wrapped}()` : `require(${JSON.stringify(builtin)})`;
      return `var ${name} = __lazily(() => ${load});`;
    },
  );
  if (count < 8)
    throw new Error(`Only ${count} modules are loaded lazily: the bundle's shape has changed`);
  const helper =
    "var __lazily = (load) => { let loaded; return new Proxy({}, { get: (_, key) => { " +
    "loaded ??= load(); return key === 'default' && !('default' in loaded) ? loaded : loaded[key]; } }); };\n";
  return helper + text;
}

const languageServerOutside = {
  name: "language-server-outside",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/lsp\/index\.ts$/ }, () => ({
      path: `./${LANGUAGE_SERVER.file}`,
      external: true,
    })),
};

async function buildCli() {
  const bundled = await build({
    ...common,
    entryPoints: ["src/cli/main.ts"],
    write: false,
    alias: { [SUFFIX_LIST.package]: `./${SUFFIX_LIST.file}` },
    external: [`./${SUFFIX_LIST.file}`],
    plugins: [languageServerOutside],
  });
  // A function around it all, so that every name in it is local and can be shortened.
  const lazy = `(() => {\n${loadLazily(bundled.outputFiles[0].text)}\n})();`;
  const small = await transform(lazy, {
    minifyWhitespace: true,
    minifySyntax: true,
    target: "node26",
  });
  writeFileSync("dist/cli.cjs", small.code);
}

const guests = readdirSync("guest").filter(
  (name) => name.endsWith(".ts") && !name.endsWith(".test.ts"),
);
copyFileSync("guest/ccos_client.py", "dist/guest/ccos_client.py");
await Promise.all([
  buildCli(),
  build({
    ...common,
    minify: true,
    entryPoints: [SUFFIX_LIST.package],
    outfile: `dist/${SUFFIX_LIST.file}`,
  }),
  build({
    ...common,
    minify: true,
    entryPoints: [LANGUAGE_SERVER.entry],
    outfile: `dist/${LANGUAGE_SERVER.file}`,
  }),
  build({
    ...common,
    entryPoints: ["src/isolation/measure-supervisor.ts"],
    outfile: "dist/measure-supervisor.cjs",
  }),
  ...guests.map((name) =>
    build({
      ...common,
      minify: true,
      entryPoints: [`guest/${name}`],
      outfile: `dist/guest/${name.replace(/\.ts$/, ".cjs")}`,
    }),
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
