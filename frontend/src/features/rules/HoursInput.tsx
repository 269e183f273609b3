import { TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { t } from "../../i18n";
import { hoursOf, secondsOf } from "./review";

interface Props {
  label: string;
  description: string;
  /** In s; null: there is none. */
  value: number | null;
  readOnly: boolean;
  error?: ReactNode;
  onChange: (seconds: number | null) => void;
}

/** A time in hours. Taken over when it is left: half of a number is none. */
export function HoursInput({ label, description, value, readOnly, error, onChange }: Props) {
  const [typed, setTyped] = useState(hoursOf(value));
  const seconds = secondsOf(typed);
  return (
    <TextInput
      label={label}
      description={description}
      inputWrapperOrder={["label", "input", "error", "description"]}
      inputMode="decimal"
      rightSection={<span className="dim">h</span>}
      readOnly={readOnly}
      value={typed}
      error={seconds === undefined ? t("has to be more than 0, and at most a year") : error}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={() => seconds !== undefined && seconds !== value && onChange(seconds)}
    />
  );
}
