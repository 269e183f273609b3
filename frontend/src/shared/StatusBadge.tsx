import type { StatusLook } from "./status";
import css from "./shared.module.css";

export function StatusBadge({ look, iconOnly }: { look: StatusLook; iconOnly?: boolean }) {
  const Icon = look.icon;
  return (
    <span className={css.status} style={{ color: look.color }}>
      <Icon size={16} stroke={2} aria-hidden />
      <span className={iconOnly ? "visually-hidden" : undefined}>{look.word}</span>
    </span>
  );
}
