import { type Command, parseCommand, usageError } from "../../command.ts";

/** `ccos rtfs lsp`: an editor starts it and speaks LSP on stdin and stdout. */
export const rtfsLsp: Command = {
  name: "rtfs lsp",
  usage: "rtfs lsp [--stdio]",
  summary: "Serve the Language Server Protocol on stdin and stdout, for editors",

  async run(args, io) {
    const parsed = parseCommand(rtfsLsp, args, { stdio: { type: "boolean" } });
    if (parsed.positionals.length > 0) throw usageError(rtfsLsp, "it takes no file");
    // A bundle of its own: no other command loads the protocol's library.
    const { serveLanguage } = await import("../../../lsp/index.ts");
    return await serveLanguage({
      input: process.stdin,
      output: process.stdout,
      version: io.world.version,
    });
  },
};
