/** Tries one target in this process: `node test/fuzz/try.ts TARGET CASES [SEED]`. */
import { Campaign } from "./campaign.ts";
const [name = "", cases = "2000", seed = "1"] = process.argv.slice(2);
const target = Object.values(await import(`./targets/${name}.ts`)).find((x) => (x as any).check) as any;
const t = performance.now();
const r = new Campaign(target, { seed: Number(seed), goesOn: (n) => n < Number(cases) }).run();
console.log({ ...r, corpus: r.corpus.length, rate: r.cases / ((performance.now() - t) / 1000) });
if (r.failure) console.log(r.failure.detail, "\nSMALLEST\n" + r.failure.smallest);
