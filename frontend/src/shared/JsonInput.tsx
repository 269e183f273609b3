import { Textarea } from "@mantine/core";
import { useEffect, useState } from "react";

import { readObject } from "./schema/draft";
import { same } from "./schema/changes";
import type { JsonObject } from "./schema/schema";
import { useLatest } from "./useLatest";

interface Props {
  label: string;
  description?: string;
  value: JsonObject;
  readOnly?: boolean;
  error?: string;
  /** Only what can be read; while it cannot, why. */
  onChange: (value: JsonObject) => void;
  onProblem: (problem: string | null) => void;
}

const written = (value: JsonObject): string =>
  Object.keys(value).length === 0 ? "" : JSON.stringify(value, null, 2);

/** An object as JSON; what is typed stays as it was typed, also while it is none. */
export function JsonInput(props: Props) {
  const { label, description, value, readOnly, error, onChange, onProblem } = props;
  const [typed, setTyped] = useState({ text: written(value), value, problem: "" });
  // What cannot be read goes with the field that it stands in.
  const tell = useLatest(onProblem);
  useEffect(() => () => tell.current(null), [tell]);
  // Another document came from elsewhere: it is what is edited now.
  const current = same(typed.value, value) ? typed : { text: written(value), value, problem: "" };
  const type = (text: string) => {
    const read = text.trim() === "" ? { value: {} } : readObject(text);
    if ("problem" in read) {
      setTyped({ text, value: current.value, problem: read.problem });
      onProblem(read.problem);
      return;
    }
    setTyped({ text, value: read.value, problem: "" });
    onProblem(null);
    onChange(read.value);
  };
  return (
    <Textarea
      label={label}
      description={description}
      inputWrapperOrder={["label", "input", "error", "description"]}
      placeholder={'{ "name": value }'}
      autosize
      minRows={1}
      maxRows={10}
      spellCheck={false}
      readOnly={readOnly}
      classNames={{ input: "mono" }}
      value={current.text}
      error={current.problem || error}
      onChange={(event) => type(event.currentTarget.value)}
    />
  );
}
