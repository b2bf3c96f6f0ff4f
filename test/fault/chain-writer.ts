/**
 * A process that writes a chain and says on stdout what it was promised: one line per resolved
 * commit with the `seq` it covers, then one line of JSON about how it ended. Killed, starved of
 * disk or of rights by the tests.
 *
 * argv: chain path, number of commits, bytes of text in each record, callers at once;
 * `unprivileged` last drops root first.
 */
import { writeSync } from "node:fs";
import { newStore, openChain, verifyChainFile } from "../../src/chain/index.ts";
import { CcosError } from "../../src/foundation/errors.ts";

const [path = "", commits = "", textBytes = "", callers = "", rights] = process.argv.slice(2);
if (rights === "unprivileged" && process.getuid?.() === 0) {
  process.setgid?.(65_534);
  process.setuid?.(65_534);
}

const config = "sha256:00";
let acknowledged = -1;

function say(text: string): void {
  writeSync(1, `${text}\n`);
}

async function write(): Promise<string> {
  const store = await newStore(path);
  const chain = openChain({ store, chainId: "run-1", configDigest: config, nowMs: Date.now });
  chain.append({ type: "RunStarted", data: { config } });
  let left = Number(commits);
  const text = "x".repeat(Number(textBytes));
  const call = async (): Promise<void> => {
    while (left-- > 0) {
      const { body } = chain.append({ type: "CallIntended", data: { text } });
      await chain.commit();
      acknowledged = Math.max(acknowledged, body.seq);
      say(String(body.seq));
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: Number(callers) }, call));
  for (const { status, ...rest } of settled) {
    if (status === "rejected") throw (rest as PromiseRejectedResult).reason;
  }
  await chain.close();
  return "done";
}

async function verdict(): Promise<unknown> {
  try {
    return await verifyChainFile(path);
  } catch (cause) {
    return cause instanceof CcosError ? cause.code : String(cause);
  }
}

try {
  const ending = await write();
  say(JSON.stringify({ ending, acknowledged, verdict: await verdict() }));
} catch (cause) {
  if (!(cause instanceof CcosError)) throw cause;
  say(
    JSON.stringify({ ending: cause.code, why: cause.why, acknowledged, verdict: await verdict() }),
  );
}
