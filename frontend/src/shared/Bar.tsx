import css from "./shared.module.css";

export interface BarPart {
  /** Of the whole, 0 to 1. */
  share: number;
  look?: "warn" | "fault";
}

/** How much of a whole, one part behind the other; the words beside it say the same. */
export function Bar({ parts }: { parts: BarPart[] }) {
  return (
    <span className={css.bar} aria-hidden>
      {parts.map(({ share, look }) => (
        <span
          key={look ?? "plain"}
          data-look={look}
          style={{ width: `${100 * Math.min(1, Math.max(0, share))}%` }}
        />
      ))}
    </span>
  );
}
