import { createFileRoute } from "@tanstack/react-router";
import { z } from "zod/mini";

import { UploadPage } from "../../features/upload/UploadPage";

export const Route = createFileRoute("/_app/upload")({
  validateSearch: z.object({
    show: z.optional(z.enum(["sets", "folders"])),
    id: z.optional(z.string()),
  }),
  component: function Upload() {
    const { show = "files", id = null } = Route.useSearch();
    const navigate = Route.useNavigate();
    return (
      <UploadPage
        view={show}
        selectedId={id}
        onView={(next) =>
          void navigate({ search: { show: next === "files" ? undefined : next }, replace: true })
        }
        onSelect={(next) => void navigate({ search: { id: next ?? undefined }, replace: true })}
      />
    );
  },
});
