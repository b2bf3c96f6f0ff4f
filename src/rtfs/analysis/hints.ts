/** What is told about names that programs written elsewhere expect. */
export const HINTS: ReadonlyMap<string, string> = new Map([
  ...effect("println", '(call :ccos.io.println "text")'),
  ...effect("print", '(call :ccos.io.print "text")'),
  ...effect("log", '(call :ccos.io.log "text")'),
  ...effect("tool/log", '(call :ccos.io.log "text")'),
  ...effect("tool.log", '(call :ccos.io.log "text")'),
  ...effect("log-step", '(call :ccos.io.log "text")'),
  ...effect("http-fetch", '(call :ccos.network.http-fetch "https://…")'),
  ...effect("tool/http-fetch", '(call :ccos.network.http-fetch "https://…")'),
  ...effect("get-env", '(call :ccos.system.get-env "NAME")'),
  ...effect("read-file", '(call :ccos.io.read-file "/path")'),
  ...effect("read-lines", '(call :ccos.io.read-lines "/path")'),
  ...effect("file-exists?", '(call :ccos.io.file-exists "/path")'),
  ...effect("tool/open-file", '(call :ccos.io.open-file "/path")'),
  ...effect("tool/time-ms", "(call :ccos.system.current-timestamp-ms)"),
  ...effect("tool.time-ms", "(call :ccos.system.current-timestamp-ms)"),
  ...effect("current-time-millis", "(call :ccos.system.current-timestamp-ms)"),
  ...effect("thread/sleep", "(call :ccos.system.sleep-ms 100)"),
  ...effect("kv/assoc!", '(call :ccos.state.kv.put "key" value)'),
  ...effect("kv/dissoc!", '(call :ccos.state.kv.put "key" value)'),
  ...effect("kv/conj!", '(call :ccos.state.kv.put "key" value)'),
  ...effect("load-capability", "(call :id …); what may be called stands in the agent's config"),
  ...effect("discover-agents", "(call :ccos.agent.discover-agents query)"),
  ["parallel", "Use (step-parallel expression…), which gives a vector; or the compatibility mode"],
  ["with-resource", "Use (try … (finally (call :id.close handle))); or the compatibility mode"],
  ["set!", "Nothing can be assigned; bind a new name"],
  ["defmacro", "A macro is defined at top level"],
  ["gensym", "gensym exists in the bodies of macros only; in a template write x#"],
  ["list", "Write a vector; lists come from quoting"],
  ["atom", "Nothing can be assigned; pass the new value on"],
  ["swap!", "Nothing can be assigned; pass the new value on"],
  ["case", "Use (match value pattern body … _ otherwise)"],
  ["eval", "There is no eval; write a function"],
  ...["plan", "intent", "action", "task"].map(
    (name) =>
      [name, `A ${name} object is read by what embeds the language, not evaluated`] as const,
  ),
]);

function effect(name: string, call: string): readonly (readonly [string, string])[] {
  return [[name, `Effects are calls: ${call}`]];
}
