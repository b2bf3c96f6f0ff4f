/** Names of JSON-RPC methods: exact, or a prefix and `/*`. */

/** @param inner - A method, or a pattern: then whether every method that it names is named by `outer`. */
export function coversRpcMethod(outer: string, inner: string): boolean {
  if (!outer.endsWith("/*")) return outer === inner;
  return inner.startsWith(outer.slice(0, -1)) && inner.length >= outer.length;
}
