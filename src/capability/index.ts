/** The front door of capabilities: what they are, the registry, and the built-ins. */
export { builtinProviders } from "./providers/builtin/index.ts";
export { type CapabilityRegistry, createRegistry } from "./registry.ts";
export type {
  Capability,
  CapabilityPorts,
  HttpCall,
  HttpReply,
  OutgoingPart,
  PortAnswer,
} from "./types.ts";
