/** Configs with one mistake in their DLP rules or labels each, for codes.test.ts. */
import { type Case, plain } from "./egress-finding-cases.ts";

const dlp = (fields: string): string => plain(`:orchestrator {:dlp {${fields}}}`);

export const FLOW_CASES: readonly Case[] = [
  ...(
    [
      ["sources[0]", ":sources [{:labels [:pii]}]"],
      ["sources[0]", ':sources [{:env "A" :path "/x" :labels [:pii]}]'],
      ["sources[0].labels", ':sources [{:path "/x"}]'],
      ["sources[0].labels[1]", ':sources [{:path "/x" :labels [:pii "Not A Word"]}]'],
      ["sources[0].path", ':sources [{:path "x/../y" :labels [:pii]}]'],
      ["sinks[0].host", ':sinks [{:host "a.example.com:80"}]'],
      ["sinks[0].capability", ':sinks [{:capability "A B"}]'],
    ] as const
  ).map(
    ([path, fields]): Case => ({
      code: "INVALID_LABEL_RULE",
      path: `labels.${path}`,
      line: 2,
      source: plain(`:labels {${fields}}`),
    }),
  ),
  ...(
    [
      ["rules[0]", ":rules [{:action :block}]"],
      ["rules[0]", ':rules [{:rule "dlp.jwt" :field "x" :action :block}]'],
      ["rules[0].rule", ':rules [{:rule "dlp.card" :action :block}]'],
      ["rules[0].path", ':rules [{:path "user.ssn" :action :block}]'],
      ["rules[0].hosts[0]", ':rules [{:field "x" :action :block :hosts ["a.example.com:8443"]}]'],
      ["canaries[0]", ':canaries ["short"]'],
      ["dictionaries.names[1]", ':dictionaries {:names ["Falcon" "ab"]}'],
    ] as const
  ).map(
    ([path, fields]): Case => ({
      code: "INVALID_DLP_RULE",
      path: `orchestrator.dlp.${path}`,
      line: 2,
      source: dlp(fields),
    }),
  ),
];
