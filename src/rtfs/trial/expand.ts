import { formatSource } from "../format/format.ts";
import { expandForms } from "../program.ts";
import { printForm } from "../syntax/print-form.ts";
import type { TrialId, TrialRequest } from "./request.ts";
import { compileOptions, fromDiagnostic, readTrial, stoppedBy, type TrialError } from "./run.ts";

export type ExpandAnswer =
  | { readonly id: TrialId; readonly ok: true; readonly text: string }
  | { readonly id: TrialId; readonly ok: false; readonly problems: readonly TrialError[] };

/** The program as it is analysed: modules linked, macros expanded, in the house layout. */
export function expandTrial(request: TrialRequest, lengthMax: number): ExpandAnswer {
  const { id } = request;
  const refused = (problems: readonly TrialError[]): ExpandAnswer => ({ id, ok: false, problems });
  try {
    const forms = readTrial(request);
    if (!forms.ok) return refused(forms.error);
    const program = expandForms(forms.value, compileOptions(request));
    if (!program.ok) return refused(program.error.map(fromDiagnostic));
    let length = 0;
    const texts: string[] = [];
    for (const form of program.value.forms) {
      const text = printForm(form);
      length += text.length;
      if (length > lengthMax) {
        const message = `The expanded program is over ${lengthMax} characters`;
        return refused([{ code: "LimitExceeded", message, span: null }]);
      }
      texts.push(text);
    }
    const text = texts.join("\n\n");
    const laidOut = formatSource(text);
    return { id, ok: true, text: laidOut.ok ? laidOut.value : `${text}\n` };
  } catch (error) {
    return refused([stoppedBy(error)]);
  }
}
