/**
 * The layers, as code (docs/ARCHITECTURE.md "Layers"). Ranks look down only; the rooms of one rank are
 * strangers and meet in src/runtime. Proven by planted violations: test/layers/layers.test.ts.
 */
const ranks = [
  ["foundation"],
  ["host"],
  ["rtfs", "policy", "chain"],
  ["config", "engine"],
  ["capability", "isolation", "egress", "governance", "agent"],
  ["runtime"],
  ["sdk", "lsp", "deploy"],
  ["cli", "serve"],
];
const test = "\\.test\\.ts$";
const downOnly = ranks.flatMap((row, depth) =>
  row.map((name) => ({
    name: `${name}-looks-down-only`,
    severity: "error",
    from: { path: `^src/${name}/`, pathNot: test },
    to: {
      path: "^(src|guest)/",
      pathNot: `^src/(${[...ranks.slice(0, depth).flat(), name].join("|")})/`,
    },
  })),
);
const danger =
  "^(node:)?(child_process|fs|fs/promises|net|tls|http|https|http2|dgram|vm|worker_threads|dns|dns/promises)$";
const onlyIn = (dependency, folder) => ({
  name: `${dependency}-only-in-${folder}`,
  severity: "error",
  from: { path: "^(src|guest)/", pathNot: `^src/${folder}/` },
  // Unresolved packages keep their bare name.
  to: { path: `(?:^|node_modules/)${dependency}(?:/|$)` },
});
module.exports = {
  forbidden: [
    ...downOnly,
    { name: "no-cycle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "one-door-to-the-machine",
      severity: "error",
      from: { path: "^src/", pathNot: `^src/host/|${test}` },
      to: { path: danger },
    },
    {
      name: "pure-folders",
      severity: "error",
      from: { path: "^src/(rtfs|policy)/", pathNot: `^src/policy/dlp/decompress\\.ts$|${test}` },
      to: { dependencyTypes: ["core"] },
    },
    {
      // A pure function of bytes (docs/adr/0023).
      name: "decompress-imports-zlib-only",
      severity: "error",
      from: { path: "^src/policy/dlp/decompress\\.ts$" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?zlib$" },
    },
    {
      name: "pure-folders-skip-host",
      severity: "error",
      from: { path: "^src/(rtfs|policy|foundation)/", pathNot: test },
      to: { path: "^src/host/" },
    },
    {
      name: "front-door-only",
      severity: "error",
      from: { path: "^(src/[^/]+|guest)/", pathNot: test },
      to: {
        path: "^src/[^/]+/",
        pathNot: ["^$1/", "^src/[^/]+/index\\.ts$", "^src/foundation/"],
      },
    },
    {
      name: "providers-are-strangers",
      severity: "error",
      from: { path: "/providers/([^/]+)\\.ts$", pathNot: "/index\\.ts$|\\.test\\.ts$" },
      to: { path: "/providers/", pathNot: "/providers/$1" },
    },
    {
      name: "guest-imports-foundation-and-rtfs-only",
      severity: "error",
      from: { path: "^guest/", pathNot: test },
      to: { path: "^src/", pathNot: "^src/(foundation|rtfs)/" },
    },
    onlyIn("ipaddr.js", "egress"),
    onlyIn("undici", "host"),
    onlyIn("toml-eslint-parser", "config"),
    onlyIn("tldts-icann", "policy"),
    onlyIn("vscode-languageserver", "lsp"),
    onlyIn("vscode-languageserver-textdocument", "lsp"),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^test/|^bench/" },
  },
};
