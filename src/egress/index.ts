/** The front door of egress: the broker for brokered HTTP, the proxy for tunnels. */
export { type Broker, type BrokerOptions, createBroker } from "./broker.ts";
export { createCertificateAuthority } from "./certificate-authority.ts";
export { createProxy } from "./proxy.ts";
export { proveProxy } from "./self-test.ts";
export type { Proxy, ProxyEvent, ProxyOptions } from "./proxy-types.ts";
export type { BrokerAnswer, Resolve } from "./types.ts";
