import type { ReactNode } from "react";

import page from "./page.module.css";

/** A part of a detail pane, with its name. */
export function DetailSection({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={page.detailSection} aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}
