import { describe, expect, test } from "vitest";
import {
  type AccessRequest,
  decide,
  parseTarget,
  type Policy,
  type Verdict,
} from "../policy/index.ts";
import { compilePolicy, loadConfig } from "./index.ts";

function policyOf(fields: string): Policy {
  const { config, findings } = loadConfig(`(agent.config ${fields})`, { file: "a.rtfs" });
  if (config === null || findings.some((each) => each.severity === "error")) {
    throw new Error(`the test's config is invalid: ${JSON.stringify(findings)}`);
  }
  return compilePolicy(config);
}

function http(method: string, url: string): AccessRequest {
  const target = parseTarget(url);
  if (!target.ok) throw new Error(target.error);
  return {
    capability: "ccos.network.http-fetch",
    resource: { kind: "http", method, target: target.value },
  };
}

const connect = (host: string, port: number): AccessRequest => ({
  capability: "ccos.network.connect",
  resource: { kind: "connect", host, port },
});
const use = (capability: string): AccessRequest => ({ capability, resource: null });
const shape = (verdict: Verdict): string =>
  verdict.kind === "deny" ? `deny ${verdict.code}` : `${verdict.kind} ${verdict.rule}`;

const NET = (egress: string, rest = ""): string =>
  `:network {:enabled true :egress {:via :proxy ${egress}}} :capabilities {:http {:enabled true ${rest}}}`;

describe("compilePolicy, capabilities", () => {
  test("the base set alone without grants", () => {
    const policy = policyOf("");
    expect(policy.allow.map((each) => each.pattern)).toEqual([
      "ccos.echo",
      "ccos.math.*",
      "ccos.io.log",
      "ccos.io.print",
      "ccos.io.println",
      "ccos.data.*",
      "ccos.json.*",
      "ccos.system.current-time",
      "ccos.system.current-timestamp-ms",
      "ccos.system.random-hex",
      "ccos.system.sleep-ms",
      "ccos.system.get-env",
    ]);
    expect(shape(decide(policy, use("ccos.math.add")))).toBe("allow base");
    for (const id of [
      "ccos.network.http-fetch",
      "ccos.network.connect",
      "ccos.io.read-file",
      "ccos.io.open-file",
    ]) {
      expect(shape(decide(policy, use(id)))).toBe("deny CAPABILITY_DENIED");
    }
  });

  test("http-fetch needs the network and the http block", () => {
    const url = "https://a.example.com/";
    const domains = ':allow-domains ["a.example.com"]';
    expect(shape(decide(policyOf(NET(domains)), http("GET", url)))).toBe(
      "allow network.egress.allow-domains[0]",
    );
    const off = `:network {:enabled false :egress {:via :proxy ${domains}}} :capabilities {:http {:enabled true}}`;
    expect(shape(decide(policyOf(off), http("GET", url)))).toBe("deny CAPABILITY_DENIED");
    const noHttp = `:network {:enabled true :egress {:via :proxy ${domains}}}`;
    expect(shape(decide(policyOf(noHttp), http("GET", url)))).toBe("deny CAPABILITY_DENIED");
    const none = `:network {:enabled true :egress {:via :none ${domains}}} :capabilities {:http {:enabled true}}`;
    expect(policyOf(none).egress).toEqual([]);
    expect(shape(decide(policyOf(none), http("GET", url)))).toBe("deny CAPABILITY_DENIED");
  });

  test("an allow list replaces the base set and switches no block on", () => {
    const policy = policyOf(':capabilities {:allow ["ccos.*"] :deny ["ccos.echo"]}');
    expect(shape(decide(policy, use("ccos.io.log")))).toBe("allow capabilities.allow[0]");
    expect(shape(decide(policy, use("ccos.echo")))).toBe("deny CAPABILITY_DENIED");
    for (const id of ["ccos.network.http-fetch", "ccos.network.connect", "ccos.io.read-file"]) {
      expect(shape(decide(policy, use(id)))).toBe("deny CAPABILITY_DENIED");
    }
    expect(shape(decide(policyOf(':capabilities {:allow ["com.x"]}'), use("ccos.echo")))).toBe(
      "deny CAPABILITY_DENIED",
    );
    expect(policyOf(":capabilities {:allow []}").allow).toEqual([]);
  });
});

describe("compilePolicy, egress", () => {
  test("a domain means https, its port or 443, GET and HEAD, no tunnel", () => {
    const policy = policyOf(NET(':allow-domains ["a.example.com" "*.b.example.com:8443"]'));
    expect(policy.egress[0]).toEqual({
      rule: "network.egress.allow-domains[0]",
      host: "a.example.com",
      schemes: ["https"],
      ports: [443],
      methods: ["GET", "HEAD"],
      paths: [],
      addresses: [],
      tunnel: false,
      requestBytesMax: 1_048_576,
      responseBytesMax: 10_485_760,
    });
    expect(shape(decide(policy, http("HEAD", "https://x.b.example.com:8443/y")))).toBe(
      "allow network.egress.allow-domains[1]",
    );
    for (const [method, url] of [
      ["POST", "https://a.example.com/"],
      ["GET", "http://a.example.com/"],
      ["GET", "https://a.example.com:8443/"],
      ["GET", "https://b.example.com:8443/"],
      ["GET", "https://xa.example.com/"],
    ] as const) {
      expect(shape(decide(policy, http(method, url)))).toBe("deny EGRESS_DENIED");
    }
  });

  test("a rule keeps every part it names; a port in :host and a scheme's own port count", () => {
    const policy = policyOf(
      NET(`:rules [{:host "a.example.com" :methods [:post "put"] :paths ["/v1/*"] :max-request-bytes 10 :max-response-bytes 20}
                   {:host "b.example.com:8443"} {:host "c.example.com" :schemes [:http]}
                   {:host "127.0.0.1" :addresses ["127.0.0.1/32"] :schemes [:http] :ports [8080]}]`),
    );
    expect(policy.egress.map((each) => each.ports)).toEqual([[443], [8443], [80], [8080]]);
    expect(policy.egress[0]).toMatchObject({
      methods: ["POST", "PUT"],
      paths: ["/v1/*"],
      requestBytesMax: 10,
      responseBytesMax: 20,
    });
    expect(shape(decide(policy, http("POST", "https://a.example.com/v1/x")))).toBe(
      "allow network.egress.rules[0]",
    );
    expect(shape(decide(policy, http("GET", "https://a.example.com/v1/x")))).toBe(
      "deny EGRESS_DENIED",
    );
    expect(shape(decide(policy, http("GET", "http://127.0.0.1:8080/")))).toBe(
      "allow network.egress.rules[3]",
    );
  });

  test("a tunnel needs a rule that says so", () => {
    const policy = policyOf(
      NET(':allow-domains ["b.example.com"] :rules [{:host "a.example.com" :tunnel true}]'),
    );
    expect(shape(decide(policy, connect("a.example.com", 443)))).toBe(
      "allow network.egress.rules[0]",
    );
    expect(shape(decide(policy, connect("b.example.com", 443)))).toBe("deny EGRESS_DENIED");
    const plain = policyOf(NET(':allow-domains ["b.example.com"]'));
    expect(shape(decide(plain, connect("b.example.com", 443)))).toBe("deny CAPABILITY_DENIED");
  });

  test("the http capability's own list narrows requests and leaves tunnels alone", () => {
    const policy = policyOf(
      NET(
        ':allow-domains ["*.example.com" "other.org"] :rules [{:host "t.org" :tunnel true} {:host "x.example.com" :methods [:POST]}]',
        ':egress {:allow-domains ["api.example.com" "x.example.com:443"]}',
      ),
    );
    expect(shape(decide(policy, http("GET", "https://api.example.com/")))).toBe(
      "allow network.egress.allow-domains[0]",
    );
    expect(shape(decide(policy, http("POST", "https://x.example.com/")))).toBe(
      "allow network.egress.rules[1]",
    );
    expect(shape(decide(policy, http("GET", "https://www.example.com/")))).toBe(
      "deny EGRESS_DENIED",
    );
    expect(shape(decide(policy, http("GET", "https://other.org/")))).toBe("deny EGRESS_DENIED");
    expect(shape(decide(policy, http("GET", "https://t.org/")))).toBe("deny EGRESS_DENIED");
    expect(shape(decide(policy, connect("t.org", 443)))).toBe("allow network.egress.rules[0]");
  });

  test("a wildcard of the http capability keeps a narrower rule as narrow as it is", () => {
    const policy = policyOf(
      NET(
        ':allow-domains ["*.example.com"] :rules [{:host "x.example.com" :methods [:POST]}]',
        ':egress {:allow-domains ["*.example.com"]}',
      ),
    );
    expect(policy.egress.map((each) => [each.host, each.methods])).toEqual([
      ["x.example.com", ["POST"]],
      ["*.example.com", ["GET", "HEAD"]],
    ]);
  });

  test("narrowing keeps the tunnel in a rule of its own, without methods", () => {
    const policy = policyOf(
      NET(
        ':rules [{:host "*.example.com" :tunnel true}]',
        ':egress {:allow-domains ["x.example.com"]}',
      ),
    );
    expect(policy.egress.map((each) => [each.host, each.methods, each.tunnel])).toEqual([
      ["x.example.com", ["GET", "HEAD"], false],
      ["*.example.com", [], true],
    ]);
  });

  test("an exact host of the network does not cover a wildcard of the http capability", () => {
    const fields = NET(
      ':allow-domains ["example.org"]',
      ':egress {:allow-domains ["*.example.org"]}',
    );
    const { findings } = loadConfig(`(agent.config :features [:network] ${fields})`, { file: "a" });
    expect(findings.map((each) => each.code)).toEqual(["HTTP_EGRESS_NOT_SUBSET"]);
  });
});

test("compilePolicy grants files as listed, read-only unless said, and only with the fs block", () => {
  const paths = ':paths ["/data" {:path "/workspace" :mode :rw}]';
  const policy = policyOf(`:capabilities {:fs {:enabled true ${paths}}}`);
  const file = (operation: "read" | "write", path: string): string =>
    shape(
      decide(policy, {
        capability: `ccos.io.${operation}-file`,
        resource: { kind: "file", operation, path },
      }),
    );
  expect(file("read", "/data/x")).toBe("allow capabilities.fs.paths[0]");
  expect(file("write", "/data/x")).toBe("deny FILE_DENIED");
  expect(file("write", "/workspace/x")).toBe("allow capabilities.fs.paths[1]");
  expect(file("read", "/datax")).toBe("deny FILE_DENIED");
  expect(policyOf(`:capabilities {:fs {:enabled false ${paths}}}`).files).toEqual([]);
});

test("compilePolicy declares variables and secrets, and binds a secret to explicit origins", () => {
  const policy = policyOf(
    ':env {:GREETING "hi"} :secrets {:TOKEN {:source "env:T" :origins ["https://api.example.com" "http://localhost:8080"] :paths ["/v1/*"] :headers ["authorization"]}} :orchestrator {:dlp {:enabled true :policy :strict}}',
  );
  expect(policy.environment).toEqual([
    { rule: "env.GREETING", name: "GREETING" },
    { rule: "secrets.TOKEN", name: "TOKEN" },
  ]);
  expect(policy.secrets).toEqual([
    {
      rule: "secrets.TOKEN",
      name: "TOKEN",
      origins: ["https://api.example.com:443", "http://localhost:8080"],
      paths: ["/v1/*"],
      headers: ["authorization"],
    },
  ]);
  expect(policy.dlp).toEqual({ enabled: true, level: "strict" });
  expect(JSON.stringify(policy)).not.toContain("env:T");
});
