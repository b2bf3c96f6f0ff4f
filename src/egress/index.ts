/** The front door of egress: the broker for brokered HTTP, the proxy for tunnels. */
export { type Broker, type BrokerOptions, createBroker } from "./broker.ts";
export { createProxy, type Proxy, type ProxyEvent, type ProxyOptions } from "./proxy.ts";
export type { BrokerAnswer, Resolve } from "./types.ts";
