import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { useEffect, useRef } from "react";

import { useLatest } from "../../shared/useLatest";
import { complete, ruleColours, ruleLanguage } from "./language";

export interface Flaw {
  message: string;
  /** From the first letter to the one behind the last; null: somewhere. */
  place: { start: number; end: number } | null;
  /** It cannot be saved so; else it only did not work for these tags. */
  severity: "error" | "warning";
}

interface Props {
  value: string;
  onChange: (value: string) => void;
  flaw: Flaw | null;
  keywords: string[];
  functions: string[];
  readOnly: boolean;
  /** Of the element that names it. */
  labelledBy: string;
  describedBy?: string;
}

/** A condition with colours, completion and errors at their place. Tab leaves it. */
export default function ExpressionInput(props: Props) {
  const { value, flaw, readOnly, labelledBy, describedBy } = props;
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const attributes = useRef(new Compartment());
  const latest = useLatest(props);
  useEffect(() => {
    if (!host.current) return;
    const made = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          history(),
          ruleLanguage,
          syntaxHighlighting(ruleColours),
          bracketMatching(),
          autocompletion({
            icons: false,
            // So few that nothing has to be scrolled: the arrows move on through the others.
            maxRenderedOptions: 10,
            override: [
              (context) => complete(context, latest.current.keywords, latest.current.functions),
            ],
          }),
          keymap.of([...completionKeymap, ...historyKeymap, ...defaultKeymap]),
          EditorView.lineWrapping,
          placeholder("tags.Modality == 'MR' and contains(tags.SeriesDescription, 't2')"),
          attributes.current.of([]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => {
      made.destroy();
      view.current = null;
    };
  }, [latest]);
  useEffect(() => {
    const now = view.current;
    if (!now || now.state.doc.toString() === value) return;
    now.dispatch({ changes: { from: 0, to: now.state.doc.length, insert: value } });
  }, [value]);
  useEffect(() => {
    view.current?.dispatch({
      effects: attributes.current.reconfigure([
        EditorState.readOnly.of(readOnly),
        EditorView.contentAttributes.of({
          "aria-labelledby": labelledBy,
          ...(describedBy && { "aria-describedby": describedBy }),
          ...(flaw && { "aria-invalid": "true" }),
          spellcheck: "false",
        }),
      ]),
    });
  }, [readOnly, labelledBy, describedBy, flaw]);
  useEffect(() => {
    const now = view.current;
    if (!now) return;
    const { length } = now.state.doc;
    const found = flaw
      ? [
          {
            from: Math.min(flaw.place?.start ?? 0, length),
            to: Math.min(flaw.place?.end ?? length, length),
            severity: flaw.severity,
            message: flaw.message,
          },
        ]
      : [];
    now.dispatch(setDiagnostics(now.state, found));
  }, [flaw]);
  return <div ref={host} />;
}
