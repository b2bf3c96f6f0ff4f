/** Redirects: each hop is decided anew, and takes along only what its origin may have. */
import { afterEach, describe, expect, test } from "vitest";
import { certificateFor } from "./egress-certificate.ts";
import {
  bodyOf,
  brokerOf,
  type Handler,
  ruleOf,
  said,
  send,
  serveHttp,
  serveHttps,
  stopServers,
} from "./egress-world.ts";

afterEach(stopServers);

describe("redirects", () => {
  const chain = (steps: number) =>
    serveHttp((request, response) => {
      const step = Number(request.url?.slice(1));
      if (step < steps) response.writeHead(302, { location: `/${step + 1}` });
      response.end(`at ${step}`);
    });

  test("three are followed, a fourth is not", async () => {
    const three = await chain(3);
    const rule = ruleOf("a.test", three);
    const answer = await send(brokerOf([rule]), `http://a.test:${three}/0`, rule);
    expect(said(answer)).toBe("200 at 3");
    expect((answer.facts["hops"] as unknown[]).length).toBe(4);
    const four = await chain(4);
    const longer = ruleOf("a.test", four);
    expect(said(await send(brokerOf([longer]), `http://a.test:${four}/0`, longer))).toBe(
      "REDIRECT_DENIED more than 3 redirects",
    );
  });

  test.each([
    [
      "a host no rule names",
      "http://evil.test/x?stolen=1",
      /REDIRECT_DENIED a redirect leads to GET http:\/\/evil\.test\/x\?…: no egress rule names host/,
    ],
    ["a path outside the rule", "/private", /REDIRECT_DENIED .*its paths are/],
    ["user info", "http://a.test@evil.test/", /REDIRECT_DENIED .*credentials/],
    ["a backslash", "http:\\\\evil.test\\", /not a plain URL/],
    ["a tab", "/public/\tx", /not a plain URL/],
    ["a file", "file:///etc/passwd", /REDIRECT_DENIED/],
    ["script", "javascript:alert(1)", /REDIRECT_DENIED/],
    ["a scheme-relative host", "//evil.test/public/", /REDIRECT_DENIED .*evil\.test/],
    ["a decimal address", "http://2130706433/public/", /REDIRECT_DENIED .*127\.0\.0\.1/],
  ])("one to %s is refused and not connected", async (_what, location, message) => {
    const port = await serveHttp((request, response) => {
      if (request.url === "/public/start") response.writeHead(302, { location });
      response.end("reached");
    });
    const rule = ruleOf("a.test", port, { paths: ["/public/*"] });
    const broker = brokerOf([rule]);
    expect(said(await send(broker, `http://a.test:${port}/public/start`, rule))).toMatch(message);
    expect(broker.counters.denied).toBe(1);
  });

  test("from https to http is refused", async () => {
    const certificate = certificateFor("a.test");
    const plain = await serveHttp((_request, response) => response.end("plain"));
    const port = await serveHttps(certificate, (_request, response) =>
      response.writeHead(301, { location: `http://a.test:${plain}/` }).end(),
    );
    const rules = [ruleOf("a.test", port), ruleOf("a.test", plain)] as const;
    const broker = brokerOf(rules, { trustAnchors: certificate.cert });
    expect(said(await send(broker, `https://a.test:${port}/`, rules[0]))).toContain(
      "from https to http",
    );
  });

  test.each([
    [301, "POST", "GET", ""],
    [302, "POST", "GET", ""],
    [303, "PUT", "GET", ""],
    [303, "HEAD", "HEAD", ""],
    [302, "PUT", "PUT", "data"],
    [307, "POST", "POST", "data"],
    [308, "POST", "POST", "data"],
  ])("%i turns %s into %s", async (status, method, after, body) => {
    let seen: unknown;
    const port = await serveHttp(async (request, response) => {
      if (request.url === "/") return void response.writeHead(status, { location: "/next" }).end();
      seen = [request.method, await bodyOf(request), request.headers["content-type"]];
      response.end();
    });
    const rule = ruleOf("a.test", port);
    const headers = [["content-type", "text/plain"]] as const;
    await send(brokerOf([rule]), `http://a.test:${port}/`, rule, {
      method,
      headers,
      body: method === "HEAD" ? null : "data",
    });
    expect(seen).toEqual([after, body, after === method ? "text/plain" : undefined]);
  });

  test("to another origin drop credentials, within the origin they stay", async () => {
    const seen: unknown[] = [];
    const record: Handler = (request, response) => {
      seen.push([
        request.headers.authorization,
        request.headers.cookie,
        request.headers["x-plain"],
      ]);
      if (request.url === "/") return void response.writeHead(307, { location: "/same" }).end();
      if (request.url === "/same")
        return void response.writeHead(307, { location: `http://b.test:${other}/end` }).end();
      response.end();
    };
    const port = await serveHttp(record);
    const other = await serveHttp(record);
    const rules = [ruleOf("a.test", port), ruleOf("b.test", other)] as const;
    const headers = [
      ["authorization", "Basic x"],
      ["cookie", "c=1"],
      ["x-plain", "p"],
    ] as const;
    await send(brokerOf(rules), `http://a.test:${port}/`, rules[0], { headers });
    expect(seen).toEqual([
      ["Basic x", "c=1", "p"],
      ["Basic x", "c=1", "p"],
      [undefined, undefined, "p"],
    ]);
  });
});
