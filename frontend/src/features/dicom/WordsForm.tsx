import { Button, TextInput } from "@mantine/core";
import { useState } from "react";

import { t } from "../../i18n";
import css from "./annotations.module.css";

const LONGEST = 200;

/** Asks what is to be said of something on an image; Escape leaves it. */
export function WordsForm({
  before,
  required,
  onDone,
}: {
  before: string;
  required: boolean;
  /** Null: leave it as it is. */
  onDone: (words: string | null) => void;
}) {
  const [words, setWords] = useState(before);
  const usable = !required || words.trim() !== "";
  return (
    <form
      className={css.words}
      onSubmit={(event) => {
        event.preventDefault();
        if (usable) onDone(words.trim());
      }}
    >
      <TextInput
        aria-label={t("Words")}
        placeholder={t("What is there?")}
        size="xs"
        data-autofocus
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- it was asked for by the last click
        autoFocus
        maxLength={LONGEST}
        value={words}
        onChange={(event) => setWords(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation();
          onDone(null);
        }}
      />
      <Button type="submit" size="xs" disabled={!usable}>
        {t("Keep")}
      </Button>
      <Button size="xs" variant="default" onClick={() => onDone(null)}>
        {t("Leave it")}
      </Button>
    </form>
  );
}
