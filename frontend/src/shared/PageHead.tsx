import { TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { type ReactNode, useRef, useState } from "react";

import css from "./page.module.css";
import { useShortcuts } from "./shortcuts";

/** Title, filter and the one action of a table page. `/` goes to the filter. */
export function PageHead({
  title,
  filter,
  placeholder,
  onFilter,
  onEnter,
  children,
}: {
  title: string;
  filter: string;
  placeholder: string;
  onFilter: (filter: string) => void;
  /** Whoever is done with typing goes on to what was found. */
  onEnter?: () => void;
  children?: ReactNode;
}) {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(filter);
  const [known, setKnown] = useState(filter);
  if (known !== filter) {
    // The address changed by itself (back, a scanned barcode): follow it.
    setKnown(filter);
    setText(filter);
  }
  useShortcuts({ "/": () => input.current?.select() });
  return (
    <header className={css.head}>
      <h1>{title}</h1>
      <TextInput
        ref={input}
        className={css.filter}
        aria-label={placeholder}
        placeholder={placeholder}
        leftSection={<IconSearch size={16} aria-hidden />}
        rightSection={text ? null : <kbd className={css.kbd}>/</kbd>}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          onFilter(event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") onEnter?.();
          if (event.key !== "Escape") return;
          setText("");
          onFilter("");
          event.currentTarget.blur();
        }}
      />
      <div className={css.actions}>{children}</div>
    </header>
  );
}
