/** The front door of egress: the broker for brokered HTTP, the proxy for tunnels. */
export { refuseAddress } from "./addresses.ts";
export {
  type Broker,
  type BrokerCounters,
  type BrokerLimits,
  type BrokerOptions,
  createBroker,
} from "./broker.ts";
export {
  createProxy,
  type Proxy,
  type ProxyCounters,
  type ProxyEvent,
  type ProxyLimits,
  type ProxyOptions,
} from "./proxy.ts";
export type { BrokerAnswer, BrokerCall, BrokerReply, EdgeSecret, Resolve } from "./types.ts";
