/** Secrets at the edge: in only where they are bound, never back in the clear. */
import { afterEach, describe, expect, test } from "vitest";
import type { SecretBinding } from "../../src/policy/index.ts";
import {
  brokerOf,
  ruleOf,
  said,
  send,
  type Sent,
  serveHttp,
  stopServers,
  toLoopback,
} from "./egress-world.ts";

afterEach(stopServers);

describe("secrets", () => {
  const VALUE = "s3cr3t-value-0123456789";
  const HOLDER = "ccos-secret-token-0011223344556677";
  const secrets = [{ name: "TOKEN", value: VALUE, placeholder: HOLDER }];
  const bindingFor = (port: number): SecretBinding => ({
    rule: "secrets.TOKEN",
    name: "TOKEN",
    origins: [`http://a.test:${port}`],
    paths: ["/api/*"],
    headers: ["authorization"],
  });
  const bearer = [["authorization", `Bearer ${HOLDER}`]] as const;

  test("the value stands in the bound header on the wire and nowhere else", async () => {
    let got: unknown;
    const port = await serveHttp((request, response) => {
      got = request.headers.authorization;
      response.end("fine");
    });
    const rule = ruleOf("a.test", port);
    const broker = brokerOf([rule], { secrets, bindings: [bindingFor(port)] });
    const answer = await send(broker, `http://a.test:${port}/api/x`, rule, { headers: bearer });
    expect(got).toBe(`Bearer ${VALUE}`);
    expect(JSON.stringify(answer)).not.toContain(VALUE);
  });

  test.each<[string, string, Sent]>([
    ["a path outside the binding", "/other", { headers: bearer }],
    ["another header", "/api/x", { headers: [["x-token", HOLDER]] }],
    ["the URL", `/api/x?t=${HOLDER}`, {}],
    ["the URL, in another case and escaped", `/api/x?t=%63COS-secret-token-0011223344556677`, {}],
    ["the body", "/api/x", { method: "POST", body: `{"t":"${HOLDER}"}` }],
  ])(
    "a placeholder in %s is DLP_BLOCKED before anything is resolved",
    async (_what, path, sent) => {
      let lookups = 0;
      const port = await serveHttp((_request, response) => response.end());
      const rule = ruleOf("a.test", port);
      const resolve: typeof toLoopback = (...given) => (lookups++, toLoopback(...given));
      const broker = brokerOf([rule], { secrets, bindings: [bindingFor(port)], resolve });
      expect(said(await send(broker, `http://a.test:${port}${path}`, rule, sent))).toMatch(
        /^DLP_BLOCKED secret TOKEN/,
      );
      expect(lookups).toBe(0);
    },
  );

  test("a redirect to another origin takes no secret along, one in its location ends the call", async () => {
    const seen: unknown[] = [];
    const other = await serveHttp(
      (request, response) => void (seen.push(request.headers), response.end("other")),
    );
    const port = await serveHttp((request, response) => {
      const leak =
        request.url === "/api/leak"
          ? `?t=${encodeURIComponent(Buffer.from(VALUE).toString("base64"))}`
          : "";
      response.writeHead(307, { location: `http://b.test:${other}/${leak}` }).end();
    });
    const rules = [ruleOf("a.test", port), ruleOf("b.test", other)] as const;
    const broker = brokerOf(rules, { secrets, bindings: [bindingFor(port)] });
    expect(
      said(await send(broker, `http://a.test:${port}/api/x`, rules[0], { headers: bearer })),
    ).toBe("200 other");
    expect(JSON.stringify(seen)).not.toMatch(/authorization|ccos-secret|s3cr3t/);
    expect(
      said(await send(broker, `http://a.test:${port}/api/leak`, rules[0], { headers: bearer })),
    ).toMatch(/^DLP_BLOCKED .*carries secret TOKEN/);
    expect(seen.length).toBe(1);
  });

  test("a redirect within the origin but outside the binding's paths ends the call", async () => {
    const port = await serveHttp((_request, response) =>
      response.writeHead(302, { location: "/steal" }).end(),
    );
    const rule = ruleOf("a.test", port);
    const broker = brokerOf([rule], { secrets, bindings: [bindingFor(port)] });
    expect(
      said(await send(broker, `http://a.test:${port}/api/x`, rule, { headers: bearer })),
    ).toContain("DLP_BLOCKED");
  });

  test("a server that echoes the value gives the placeholder back, in body and headers", async () => {
    const port = await serveHttp((request, response) =>
      response
        .writeHead(200, { "x-echo": request.headers.authorization })
        .end(`a ${VALUE} b ${VALUE}`),
    );
    const rule = ruleOf("a.test", port);
    const broker = brokerOf([rule], { secrets, bindings: [bindingFor(port)] });
    const answer = await send(broker, `http://a.test:${port}/api/x`, rule, { headers: bearer });
    expect(said(answer)).toBe(`200 a ${HOLDER} b ${HOLDER}`);
    expect(answer.ok && answer.value.headers.find(([name]) => name === "x-echo")?.[1]).toBe(
      `Bearer ${HOLDER}`,
    );
  });

  test.each<[string, (value: string) => string]>([
    ["base64", (value) => Buffer.from(`user:${value}`).toString("base64")],
    ["hexadecimal", (value) => Buffer.from(value).toString("hex")],
    ["reverse", (value) => value.split("").reverse().join("")],
  ])("a server that echoes it as %s is withheld", async (_what, encode) => {
    const port = await serveHttp((_request, response) => response.end(encode(VALUE)));
    const rule = ruleOf("a.test", port);
    const broker = brokerOf([rule], { secrets, bindings: [bindingFor(port)] });
    expect((await send(broker, `http://a.test:${port}/api/x`, rule)).ok).toBe(true);
    const answer = await send(broker, `http://a.test:${port}/api/x`, rule, { headers: bearer });
    expect(said(answer)).toMatch(/^DLP_BLOCKED the response holds an encoded form of secret TOKEN/);
  });

  test("a value that cannot stand in a header is not sent", async () => {
    const port = await serveHttp((_request, response) => response.end());
    const rule = ruleOf("a.test", port);
    const split = [{ name: "TOKEN", value: "x\r\nhost: evil.test", placeholder: HOLDER }];
    const broker = brokerOf([rule], { secrets: split, bindings: [bindingFor(port)] });
    const answer = await send(broker, `http://a.test:${port}/api/x`, rule, { headers: bearer });
    expect(said(answer)).toBe("SECRET_UNAVAILABLE secret TOKEN cannot stand in a header");
  });
});
