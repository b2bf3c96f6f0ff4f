/**
 * The part that both contract servers share: HTTP over a Unix socket, one strict reading of each request, and a guest that
 * speaks hybrid vsock.
 *
 * Read in this order: MonitorRequest, serveMonitor, fakeGuest. Not a monitor: nothing boots.
 *
 * @module
 */
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { connect, createServer, type Server, type Socket } from "node:net";

export interface MonitorRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export interface MonitorAnswer {
  readonly status: number;
  readonly body?: unknown;
}

/** A refusal with the vendor's status; the server gives it the vendor's body. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface MonitorServer {
  /** `METHOD /path status` of each request. */
  readonly log: readonly string[];
  close(): Promise<void>;
}

export interface MonitorServerOptions {
  readonly socket: string;
  readonly bodyBytesMax: number;
  readonly handle: (request: MonitorRequest) => MonitorAnswer | Promise<MonitorAnswer>;
  readonly refusalBody: (message: string) => unknown;
}

export async function serveMonitor(options: MonitorServerOptions): Promise<MonitorServer> {
  const log: string[] = [];
  const server = createHttpServer((request, response) => {
    void (async () => {
      const { method = "", url = "" } = request;
      const { status, body } = await answerOf(request, options);
      log.push(`${method} ${url} ${status}`);
      const text = body === undefined ? "" : JSON.stringify(body);
      // 204 has neither body nor length, as the vendors send it.
      response.writeHead(status, text === "" ? {} : { "content-type": "application/json" });
      response.end(text === "" ? undefined : text);
    })();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.socket, resolve);
  });
  return {
    log,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answerOf(
  request: IncomingMessage,
  { bodyBytesMax, handle, refusalBody }: MonitorServerOptions,
): Promise<MonitorAnswer> {
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) throw new Refusal(413, "HTTP payload with size above the limit.");
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks).toString("utf8");
    return await handle({ method: request.method ?? "", path: request.url ?? "", body });
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    return { status: cause.status, body: refusalBody(cause.message) };
  }
}

export interface FakeGuest {
  close(): void;
}

/** What the code in a fake guest may do: connect to the host (cid 2), and answer on ports of its own. */
export interface GuestWorld {
  readonly dial: (port: number) => Socket;
  readonly ports: Map<number, (socket: Socket) => void>;
}

/** The monitor's side of hybrid vsock, as the vendors document it. @param socket - The monitor's own. */
export async function fakeGuest(
  socket: string,
  boot: (world: GuestWorld) => void,
): Promise<FakeGuest> {
  const ports: GuestWorld["ports"] = new Map();
  const sockets = new Set<Socket>();
  const kept = (each: Socket): Socket => {
    sockets.add(each);
    return each.on("error", () => undefined).once("close", () => sockets.delete(each));
  };
  const server: Server = createServer((host) => {
    kept(host).once("data", (chunk) => {
      const port = /^CONNECT (\d{1,10})\n$/.exec(chunk.toString("latin1"))?.[1];
      const serve = port === undefined ? undefined : ports.get(Number(port));
      if (serve === undefined) host.destroy();
      else {
        host.write("OK 1073741824\n");
        serve(host);
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(socket, resolve);
  });
  boot({ dial: (port) => kept(connect(`${socket}_${port}`)), ports });
  return {
    close: () => {
      server.close();
      for (const each of sockets) each.destroy();
    },
  };
}
