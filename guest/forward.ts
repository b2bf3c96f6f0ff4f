/**
 * Inside the wall: a loopback door to the host's CONNECT proxy, and the program behind it.
 *
 * Listens on 127.0.0.1:3128 (or the port before `--`), copies each connection to the proxy's Unix socket and back, and starts the
 * program after `--` with this process's streams once the door is open. Ends as the program ends: same
 * status, same signal. `channel` before `--` hands on descriptor 3 too. It decides nothing; a program may as well speak to the socket itself.
 *
 * @module
 */
import { spawn, type StdioOptions } from "node:child_process";
import { connect, createServer, type Socket } from "node:net";
import { constants } from "node:os";

const PORT = 3128;
const PROXY_SOCKET = "/ccos/proxy.sock";
const USAGE_STATUS = 64;
/** As a shell answers: found but not executable, not found. */
const START_STATUS: ReadonlyMap<string, number> = new Map([
  ["EACCES", 126],
  ["ENOENT", 127],
]);
const PASSED_ON = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

function copyBothWays(client: Socket, socketPath: string): void {
  const proxy = connect({ path: socketPath, allowHalfOpen: true });
  client.setNoDelay(true);
  client.on("error", () => proxy.destroy());
  proxy.on("error", () => client.destroy());
  client.on("close", () => proxy.destroy());
  proxy.on("close", () => client.destroySoon());
  client.pipe(proxy);
  proxy.pipe(client);
}

function startProgram(argv: readonly string[], streams: StdioOptions): void {
  const [file = "", ...rest] = argv;
  const child = spawn(file, rest, { stdio: streams });
  for (const signal of PASSED_ON) process.on(signal, () => child.kill(signal));
  child.on("error", (cause: NodeJS.ErrnoException) => {
    process.stderr.write(`Cannot start ${JSON.stringify(file)}: ${cause.code ?? cause.message}\n`);
    process.exit(START_STATUS.get(cause.code ?? "") ?? 126);
  });
  child.on("exit", (status, signal) => endAs(status, signal));
}

function endAs(status: number | null, signal: NodeJS.Signals | null): void {
  if (signal === null) process.exit(status ?? 1);
  for (const each of PASSED_ON) process.removeAllListeners(each);
  process.kill(process.pid, signal);
  // The first process of a namespace survives its own signal; then the shell's number says it.
  setTimeout(() => process.exit(128 + constants.signals[signal]), 100);
}

function main(argv: readonly string[]): void {
  const dashes = argv.indexOf("--");
  const hasChannel = dashes === 1 && argv[0] === "channel";
  const [port = PORT, socketPath = PROXY_SOCKET] = dashes === 2 ? argv.slice(0, dashes) : [];
  const program = argv.slice(dashes + 1);
  if ((dashes !== 0 && dashes !== 2 && !hasChannel) || program.length === 0) {
    process.stderr.write("Usage: forward [channel | PORT SOCKET] -- PROGRAM [ARGUMENT...]\n");
    process.exit(USAGE_STATUS);
  }
  const server = createServer({ allowHalfOpen: true }, (client) =>
    copyBothWays(client, socketPath),
  );
  server.on("error", (cause: NodeJS.ErrnoException) => {
    process.stderr.write(`Cannot listen on 127.0.0.1:${port}: ${cause.code ?? cause.message}\n`);
    process.exit(70);
  });
  server.listen(Number(port), "127.0.0.1", () =>
    startProgram(program, hasChannel ? [0, 1, 2, 3] : "inherit"),
  );
}

main(process.argv.slice(2));
