import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { ArchivePage } from "../../features/archive/ArchivePage";
import { PERIODS } from "../../features/archive/search";

export const Route = createFileRoute("/_app/archive")({
  validateSearch: z.object({
    q: z.optional(z.string()),
    period: z.optional(z.enum(PERIODS)),
    show: z.optional(z.enum(["aside"])),
    study: z.optional(z.string()),
    series: z.optional(z.string()),
  }),
  component: function Archive() {
    const { q = "", period = "any", show, study = null, series = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    type Search = ReturnType<typeof Route.useSearch>;
    const set = (changes: Partial<Search>, replace = true) =>
      void navigate({ search: (old) => ({ ...old, ...changes }), replace });
    return (
      <ArchivePage
        filter={q}
        period={period}
        aside={show === "aside"}
        study={study}
        series={series}
        onFilter={(next) => set({ q: next || undefined })}
        onPeriod={(next) => set({ period: next === "any" ? undefined : next })}
        onAside={(next) => set({ show: next ? "aside" : undefined })}
        onStudy={(next) => set({ study: next ?? undefined, series: undefined }, next === null)}
        onSeries={(next) => set({ series: next })}
      />
    );
  },
});
