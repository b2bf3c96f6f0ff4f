/**
 * Starts `ccos rtfs lsp` and connects it to the editor. Nothing else happens here.
 */
"use strict";
const { commands, window, workspace } = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

async function start() {
  const [command, ...args] = workspace.getConfiguration("rtfs").get("server.command");
  client = new LanguageClient(
    "rtfs",
    "RTFS",
    { command, args, transport: TransportKind.stdio },
    { documentSelector: [{ language: "rtfs" }] },
  );
  try {
    await client.start();
  } catch (error) {
    window.showErrorMessage(
      `RTFS: cannot start \`${command}\`: ${error.message}. Set "rtfs.server.command".`,
    );
  }
}

exports.activate = async (context) => {
  context.subscriptions.push(
    commands.registerCommand("rtfs.restart", async () => {
      await client?.stop();
      await start();
    }),
  );
  await start();
};

exports.deactivate = () => client?.stop();
