/** For codes.test.ts: the finding codes of egress rules and of TLS. */
export interface Case {
  readonly code: string;
  readonly path: string;
  readonly line: number;
  readonly source: string;
  readonly production?: boolean;
}

export function plain(fields: string): string {
  return `(agent.config\n  ${fields})`;
}

export const online = (egress: string, rest = ""): string =>
  plain(`:features [:network] :network {:enabled true :egress {:via :proxy\n ${egress}}} ${rest}`);
const PIN = `sha256/${"A".repeat(43)}=`;

export const EGRESS_CASES: readonly Case[] = [
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].host",
    line: 3,
    source: online(':rules [{:host "127.0.0.1"}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].ports",
    line: 3,
    source: online(':rules [{:host "a.example.com:8443" :ports [443]}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].methods[1]",
    line: 3,
    source: online(':rules [{:host "a.example.com" :methods [:GET :CONNECT]}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].methods",
    line: 3,
    source: online(':rules [{:host "a.example.com" :methods []}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].json-rpc.methods",
    line: 3,
    source: online(':rules [{:host "a.example.com" :json-rpc {:methods []}}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].json-rpc",
    line: 3,
    source: online(
      ':rules [{:host "a.example.com" :websocket true :json-rpc {:methods ["tools/*"]}}]',
    ),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].inspect",
    line: 3,
    source: online(':rules [{:host "a.example.com" :tunnel true :inspect true}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].schemes",
    line: 3,
    source: online(':rules [{:host "a.example.com" :schemes []}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].paths[0]",
    line: 3,
    source: online(':rules [{:host "a.example.com" :paths ["/a/../b"]}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].tunnel",
    line: 3,
    source: online(':rules [{:host "a.example.com" :tunnel true :paths ["/a"]}]'),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].addresses[0]",
    line: 3,
    source: online(':rules [{:host "a.example.com" :addresses ["10.0.0.0/33"]}]'),
  },
  {
    code: "ADDRESSES_IN_PRODUCTION",
    path: "network.egress.rules[0].addresses",
    line: 3,
    source: online(':rules [{:host "a.example.com" :addresses ["10.0.0.0/8"]}]', ':agent-id "a"'),
    production: true,
  },
  {
    code: "HTTP_EGRESS_NOT_SUBSET",
    path: "capabilities.http.egress.allow-domains[0]",
    line: 3,
    source: online(
      ':allow-domains ["a.example.com"]',
      ':capabilities {:http {:enabled true :egress {:allow-domains ["b.example.com"]}}}',
    ),
  },
  {
    code: "MTLS_WITHOUT_CREDENTIALS",
    path: "network.egress.mtls",
    line: 3,
    source: online(':allow-domains ["a.example.com"] :mtls true'),
  },
  {
    code: "INVALID_TLS_PIN",
    path: "network.egress.tls_pins[0]",
    line: 3,
    source: online(':allow-domains ["a.example.com"] :tls_pins ["sha256/abc"]'),
  },
  {
    code: "INVALID_TLS_PIN",
    path: "network.egress.rules[0].tls_pins[0]",
    line: 3,
    source: online(':rules [{:host "a.example.com" :tls_pins ["sha256/abc"]}]'),
  },
  {
    code: "NO_BACKUP_PIN",
    path: "network.egress.tls_pins",
    line: 3,
    source: online(`:allow-domains ["a.example.com"] :tls_pins ["${PIN}"]`),
  },
  {
    code: "NO_BACKUP_PIN",
    path: "network.egress.rules[0].tls_pins",
    line: 3,
    source: online(`:rules [{:host "a.example.com" :tls_pins ["${PIN}" "${PIN}"]}]`),
  },
  {
    code: "SINGLE_PIN_IN_PRODUCTION",
    path: "network.egress.tls_pins",
    line: 3,
    source: online(`:allow-domains ["a.example.com"] :tls_pins ["${PIN}"]`, ':agent-id "a"'),
    production: true,
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].tunnel",
    line: 3,
    source: online(
      `:tls_pins ["${PIN}" "${PIN.replace("A=", "E=")}"] :rules [{:host "a.example.com" :tunnel true}]`,
    ),
  },
  {
    code: "INVALID_EGRESS_RULE",
    path: "network.egress.rules[0].schemes",
    line: 3,
    source: online(
      `:rules [{:host "a.example.com" :schemes [:http] :tls_pins ["${PIN}" "${PIN.replace("A=", "E=")}"]}]`,
    ),
  },
  {
    code: "INVALID_CLIENT_CERTIFICATE",
    path: "network.egress.client-cert",
    line: 3,
    source: online(':allow-domains ["a.example.com"] :client-cert "keys/agent.pem"'),
  },
];
