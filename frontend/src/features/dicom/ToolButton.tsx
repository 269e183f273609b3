import type { TablerIcon } from "@tabler/icons-react";

export function ToolButton({
  label,
  Icon,
  pressed,
  disabled,
  onClick,
}: {
  label: string;
  Icon: TablerIcon;
  /** Undefined: it does something and is not on or off. */
  pressed?: boolean;
  disabled?: boolean;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      aria-label={label}
      aria-pressed={pressed}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon size={18} aria-hidden />
    </button>
  );
}
