/**
 * The office that the plans of this folder work with: orders, stock, payments, contacts, approvals, services.
 *
 * Listens on loopback only; the port is `PORT` (default 8747; 0 picks a free one) and the first line on stdout.
 * It forgets everything when it ends. Every request is one line on stderr.
 */
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const BODY_BYTES_MAX = 65_536;
const ORDERS = [
  { id: 1, customer: "Ada", country: "DE", cents: 4250, status: "paid" },
  { id: 2, customer: "Grace", country: "US", cents: 1999, status: "open" },
  { id: 3, customer: "Ada", country: "DE", cents: 8000, status: "paid" },
  { id: 4, customer: "Alan", country: "UK", cents: 560, status: "paid" },
  { id: 5, customer: "Grace", country: "US", cents: 12_000, status: "paid" },
];
const PRODUCTS = [
  { sku: "A-1", name: "Lamp", cents: 2500, stock: 4 },
  { sku: "", name: "No number", cents: 100, stock: 1 },
  { sku: "B-7", name: "Chair", cents: -5, stock: 2 },
  { sku: "C-3", name: "Desk", cents: 19_900, stock: 1 },
  { sku: "D-9", name: "Shelf", cents: "cheap", stock: 3 },
];
const contacts = new Map([
  ["1", { name: "Ada Lovelace", email: "ada@example.com" }],
  ["2", { name: "Grace Hopper", email: "grace@old.example.com" }],
]);
/** How often a path was asked: some answers change with it. */
const asked = new Map();
let numbers = 100;

const json = (value, status = 200, headers = {}) => ({ status, value, headers });
const tagOf = (value) => createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);

const ROUTES = [
  ["GET", /^\/orders\?page=(\d+)$/, ([page]) => {
    const at = (Number(page) - 1) * 2;
    const next = at + 2 < ORDERS.length ? Number(page) + 1 : null;
    return json({ items: ORDERS.slice(at, at + 2), next });
  }],
  ["GET", /^\/products$/, () => json(PRODUCTS)],
  ["GET", /^\/flaky\/[a-z]+$/, (_, { count }) => (count < 3 ? json({ error: "busy" }, 503) : json({ ready: true }))],
  ["GET", /^\/limited\/(\d)$/, ([part], { count }) =>
    count < 2 ? json({ error: "slow down" }, 429, { "retry-after": "0" }) : json({ part: Number(part) })],
  ["GET", /^\/prices\/([a-z]+)$/, ([item]) => json({ item, cents: item.length * 111 })],
  ["GET", /^\/services\/([a-z]+)\/health$/, ([name]) =>
    name === "mail" ? json({ status: "down" }, 500) : json({ status: "up", name })],
  ["POST", /^\/approvals$/, () => json({ id: "a-1", status: "pending" }, 201)],
  ["GET", /^\/approvals\/a-1$/, (_, { count }) =>
    json(count < 3 ? { id: "a-1", status: "pending" } : { id: "a-1", status: "approved", by: "Margaret" })],
  ["POST", /^\/stock\/reservations$/, () => json({ id: ++numbers }, 201)],
  ["DELETE", /^\/stock\/reservations\/\d+$/, () => json({ released: true })],
  ["POST", /^\/payments$/, () => json({ id: ++numbers }, 201)],
  ["DELETE", /^\/payments\/\d+$/, () => json({ refunded: true })],
  ["POST", /^\/shipments$/, (_, { body }) =>
    body.city === "Atlantis" ? json({ error: "no such city" }, 422) : json({ id: ++numbers }, 201)],
  ["GET", /^\/contacts\/(\d+)$/, ([id]) => {
    const contact = contacts.get(id);
    return contact === undefined ? json({ error: "unknown" }, 404) : json(contact, 200, { etag: tagOf(contact) });
  }],
  ["PUT", /^\/contacts\/(\d+)$/, ([id], { body }) => {
    contacts.set(id, body);
    return json(body, 200, { etag: tagOf(body) });
  }],
  ["GET", /^\/config\/desired$/, () => json({ replicas: 3, image: "web:2", env: { LOG: "info", REGION: "eu" } })],
  ["GET", /^\/config\/actual$/, () => json({ replicas: 2, image: "web:2", env: { LOG: "debug" }, debug: true })],
  ["POST", /^\/messages$/, (_, { body }) => json({ accepted: body.to }, 202)],
];

function answer(method, url, text) {
  const key = `${method} ${url}`;
  const count = (asked.get(key) ?? 0) + 1;
  asked.set(key, count);
  for (const [verb, pattern, handle] of ROUTES) {
    const found = verb === method ? pattern.exec(url) : null;
    if (found !== null) return handle(found.slice(1), { count, body: text === "" ? {} : JSON.parse(text) });
  }
  return json({ error: "not found" }, 404);
}

const server = createServer((request, response) => {
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (chunk) => {
    text += chunk;
    if (text.length > BODY_BYTES_MAX) request.destroy();
  });
  request.on("end", () => {
    let reply = json({ error: "bad request" }, 400);
    try {
      reply = answer(request.method, request.url, text);
    } catch (error) {
      process.stderr.write(`${error.message}\n`);
    }
    process.stderr.write(`${request.method} ${request.url} ${reply.status}\n`);
    response.writeHead(reply.status, { "content-type": "application/json", ...reply.headers });
    response.end(JSON.stringify(reply.value));
  });
});
server.listen(Number(process.env.PORT ?? 8747), "127.0.0.1", () => {
  process.stdout.write(`${server.address().port}\n`);
});
