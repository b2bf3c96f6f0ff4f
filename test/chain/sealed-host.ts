/** A state directory with sealed chains and their host log, made by the product's own writer and seal. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  fileStore,
  type HostKey,
  hostLog,
  loadOrCreateHostKey,
  openChain,
  sealChain,
} from "../../src/chain/index.ts";
import { calls, CONFIG_DIGEST } from "./sample.ts";

export interface SealedHost {
  readonly stateDir: string;
  readonly key: HostKey;
  /** Seal a chain of `records` records: its directory has `chain.jsonl` and `head.json`. */
  seal(id: string, records: number): Promise<string>;
}

export async function sealedHost(stateDir: string): Promise<SealedHost> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const key = await loadOrCreateHostKey(join(stateDir, "keys"));
  const log = hostLog(stateDir);
  return {
    stateDir,
    key,
    seal: async (id, records) => {
      const directory = join(stateDir, "runs", id);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const path = join(directory, "chain.jsonl");
      let clock = 1_763_700_000_000;
      const chain = openChain({
        store: await fileStore(path),
        chainId: id,
        configDigest: CONFIG_DIGEST,
        nowMs: () => clock++,
      });
      chain.append({ type: "RunStarted", data: { config: CONFIG_DIGEST } });
      for (const input of calls(records - 1)) chain.append(input);
      await chain.close();
      const headPath = join(directory, "head.json");
      await sealChain({ chain: id, path, headPath, last: chain.head, key, log });
      return directory;
    },
  };
}

/** Ids as runs have them. */
export function runId(number: number): string {
  return `run-01HF7YAT00ZZZZZZZZZZZZZZ${String(number).padStart(2, "0")}`;
}
