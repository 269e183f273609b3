import { type ReactNode, useId } from "react";

import page from "../../shared/page.module.css";
import type { Draft } from "./rule";
import css from "./rules.module.css";

/** What each part of the form has. */
export interface PartProps {
  draft: Draft;
  problems: Record<string, string>;
  readOnly: boolean;
  onChange: (next: Partial<Draft>) => void;
}

export function Part({
  title,
  about,
  children,
}: {
  title: string;
  about: string;
  children: ReactNode;
}) {
  return (
    <section className={css.part} aria-label={title}>
      <h2>
        {title} <span className="dim">{about}</span>
      </h2>
      {children}
    </section>
  );
}

/** One of a few words. */
export function Choice<T extends string>({
  label,
  value,
  choices,
  readOnly,
  onPick,
}: {
  label: string;
  value: T;
  choices: [T, string][];
  readOnly: boolean;
  onPick: (choice: T) => void;
}) {
  const id = useId();
  return (
    <div>
      <span id={id} className={`field-label ${css.choiceLabel}`}>
        {label}
      </span>
      <div role="radiogroup" aria-labelledby={id} className={page.choice}>
        {choices.map(([choice, word]) => (
          <button
            key={choice}
            type="button"
            role="radio"
            aria-checked={choice === value}
            disabled={readOnly}
            onClick={() => onPick(choice)}
          >
            {word}
          </button>
        ))}
      </div>
    </div>
  );
}

export const pairs = <T extends string>(words: Record<T, string>) =>
  Object.entries(words) as [T, string][];
