/**
 * From the text of a settings file to its meaning: read, decode by the schema, hold to the rules.
 *
 * @module
 */
import { createReading } from "./reading.ts";
import { checkSettings } from "./settings-rules.ts";
import { settings as settingsDecoder } from "./settings-schema.ts";
import type { EnvironmentName, LoadedSettings } from "./settings-types.ts";
import { readToml } from "./toml.ts";

/** Pure. Never throws on any text. */
export function decodeSettings(
  source: string,
  { file, environment }: { readonly file: string; readonly environment: EnvironmentName | null },
): LoadedSettings {
  const root = readToml(source, file);
  if (!root.ok) {
    const { message, span } = root.error;
    const finding = { code: "PARSE_ERROR", severity: "error", path: "", suggestion: null } as const;
    return { settings: null, valid: false, findings: [{ ...finding, message, span }] };
  }
  const reading = createReading(root.value.span, false, (key) => key);
  const settings = settingsDecoder(root.value, "", reading);
  checkSettings(settings, environment, reading);
  const findings = reading.findings();
  return { settings, findings, valid: findings.every((each) => each.severity !== "error") };
}
