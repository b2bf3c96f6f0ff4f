/** A proxy alone in its process: `stream-proxy.ts SOCKET PORT SECRET`. Answers each line with its peak resident MiB. */
import { proxyOf, ruleOf } from "./egress-world.ts";

const [, , socketPath = "", port = "0", value = ""] = process.argv;
const bytes = 2 * 1024 ** 3;
const secrets = value === "" ? [] : [{ name: "TOKEN", value, placeholder: "ccos-secret-token-00" }];
await proxyOf(
  [ruleOf("a.test", Number(port), { requestBytesMax: bytes, responseBytesMax: bytes })],
  {
    socketPath,
    edge: { secrets, bindings: [] },
  },
);
const say = (): void =>
  void process.stdout.write(`${Math.round(process.resourceUsage().maxRSS / 1024)}\n`);
process.stdin.on("data", say);
process.stdin.on("end", () => process.exit());
say();
