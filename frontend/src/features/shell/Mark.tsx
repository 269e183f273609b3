/** The mark: a magnet bore seen from the front, and its slice plane. */
export function Mark({ size }: { size: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden>
      <circle cx="16" cy="16" r="12" fill="none" stroke="var(--accent)" strokeWidth="3" />
      <path d="M3 16h26" stroke="var(--accent)" strokeWidth="2" />
      <circle cx="16" cy="16" r="4" fill="var(--ink)" />
    </svg>
  );
}
