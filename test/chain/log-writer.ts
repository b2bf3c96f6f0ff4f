/** Seals heads into one host log: `node log-writer.ts STATE_DIR NAME COUNT`. Prints the index of each. */
import { join } from "node:path";
import { loadOrCreateHostKey } from "../../src/chain/index.ts";
import { signHead } from "../../src/chain/head.ts";
import { hostLog, logHead } from "../../src/chain/host-log.ts";

const [stateDir = "", name = "", count = "0"] = process.argv.slice(2);
const key = await loadOrCreateHostKey(join(stateDir, "keys"));
for (let each = 0; each < Number(count); each++) {
  const hash = each.toString(16).padStart(64, "0");
  const fields = { chain: `run-${name}-${each}`, records: each + 1, head: hash, root: hash };
  const { index } = await logHead(hostLog(stateDir), signHead(fields, key), key);
  process.stdout.write(`${index}\n`);
}
