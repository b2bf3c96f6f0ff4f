import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

export interface LoopbackServer {
  readonly port: number;
  close(): Promise<void>;
}

/** A server on 127.0.0.1 that answers the first bytes of every connection with `reply`, and closes it. */
export async function serveLoopback(reply: string): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).once("close", () => sockets.delete(socket));
    socket.once("data", () => socket.end(reply));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
