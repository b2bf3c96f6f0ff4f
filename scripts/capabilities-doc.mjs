/**
 * Writes docs/rtfs/capabilities.md from the built-in manifests: `node scripts/capabilities-doc.mjs [FILE]`. A test
 * holds them equal, and every example is checked against its contract.
 */
import { writeFileSync } from "node:fs";
import { builtinProviders, createRegistry } from "../src/capability/index.ts";

/** One call each, and what a config must say for it. */
const EXAMPLES = {
  "ccos.data.parse-json": '(call :ccos.data.parse-json "{\\"a\\": 1}")',
  "ccos.data.serialize-json": "(call :ccos.data.serialize-json {:a 1})",
  "ccos.echo": '(call :ccos.echo "hello")',
  "ccos.io.close-file": '(call :ccos.io.close-file "file-1")',
  "ccos.io.delete-file": '(call :ccos.io.delete-file "/workspace/old.txt")',
  "ccos.io.file-exists": '(call :ccos.io.file-exists "/workspace/report.md")',
  "ccos.io.log": '(call :ccos.io.log "read" 5 "orders")',
  "ccos.io.open-file": '(call :ccos.io.open-file "/workspace/list.txt" "a")',
  "ccos.io.print": '(call :ccos.io.print "x")',
  "ccos.io.println": '(call :ccos.io.println "x")',
  "ccos.io.read-file": '(call :ccos.io.read-file "/data/input.csv")',
  "ccos.io.read-line": '(call :ccos.io.read-line "file-1")',
  "ccos.io.write-file": '(call :ccos.io.write-file "/workspace/report.md" "# Report\\n")',
  "ccos.io.write-line": '(call :ccos.io.write-line "file-1" "one more line")',
  "ccos.label.declassify": '(call :ccos.label.declassify [:pii] "the report holds counts only")',
  "ccos.json.parse": '(call :ccos.json.parse "[1, 2]")',
  "ccos.json.stringify": '(call :ccos.json.stringify ["a" 1])',
  "ccos.json.stringify-pretty": '(call :ccos.json.stringify-pretty {"a" 1})',
  "ccos.math.add": "(call :ccos.math.add 1 2)",
  "ccos.network.http-fetch":
    '(call :ccos.network.http-fetch {:url "https://api.example.com/v1/items" :method "POST" :headers {"content-type" "application/json"} :body "{}"})',
  "ccos.system.current-time": "(call :ccos.system.current-time)",
  "ccos.system.current-timestamp-ms": "(call :ccos.system.current-timestamp-ms)",
  "ccos.system.random-hex": "(call :ccos.system.random-hex 16)",
  "ccos.system.get-env": '(call :ccos.system.get-env "API")',
  "ccos.system.sleep-ms": "(call :ccos.system.sleep-ms 250)",
};

const GRANTS = {
  fs: "`:capabilities {:fs {:enabled true :paths […]}}` covering the path, `:rw` for writing",
  network:
    "`:network` with a rule for host, method and path, and `:capabilities {:http {:enabled true}}`",
};

function grantOf({ id, effects }) {
  if (id === "ccos.system.get-env") return "the name in `:env` or `:secrets`";
  if (id === "ccos.label.declassify")
    return '`:capabilities {:allow ["ccos.label.declassify"]}`, and an approval of each call';
  const named = effects.map((effect) => GRANTS[effect]).filter((grant) => grant !== undefined);
  return named.length === 0 ? "always" : named.join("; ");
}

const manifests = createRegistry(builtinProviders())
  .list()
  .map(({ manifest }) => manifest);
const sections = manifests.map((manifest) => {
  const example = EXAMPLES[manifest.id];
  if (example === undefined) throw new Error(`${manifest.id} has no example`);
  const { id, summary, effects, input, output } = manifest;
  return `## \`${id}\`

${summary}.

- granted: ${grantOf(manifest)}
- effects: ${effects.length === 0 ? "none" : effects.join(", ")}
- input: \`${input}\`
- output: \`${output}\`

\`\`\`clojure
${example}
\`\`\`
`;
});
writeFileSync(
  process.argv[2] ?? "docs/rtfs/capabilities.md",
  `# Built-in capabilities

What a plan can \`(call …)\` without installing anything. *Granted* says what the config must hold for the call to be allowed; what is not
granted is refused before the plan runs where that can be seen, else when it is made. Arguments are positional, or one map with the
same names as keys (\`{:path "…" :text "…"}\`). A denial is an error that a plan can catch: \`(:code e)\` names it. This page is made from the contracts.

${sections.join("\n")}`,
);
