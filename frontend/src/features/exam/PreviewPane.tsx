import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { newestPreview, type Preview, previewsOf } from "../../api/previews";
import { queries } from "../../api/queries";
import { isScan, type Task } from "../../api/types";
import { t } from "../../i18n";
import { isActive } from "../../shared/status";
import css from "./preview.module.css";

/** The newest preview of a scan that runs; else what is shown otherwise. */
export function PreviewPane({ task, children }: { task: Task; children: ReactNode }) {
  const running = isScan(task) && isActive(task.status);
  const events = useQuery({ ...queries.journal(task.id), enabled: running }).data;
  const previews = useQuery(previewsOf(task.id, running ? newestPreview(events) : null)).data;
  const shown = running ? previews?.at(-1) : undefined;
  return shown ? <PreviewImage preview={shown} name={task.name} /> : children;
}

function PreviewImage({ preview, name }: { preview: Preview; name: string }) {
  return (
    <figure className={css.preview}>
      <img
        src={preview.image}
        alt={t("Preview of {name}, {which}", { name, which: which(preview) })}
      />
      <strong className={css.notice}>{t("Preview, not for diagnosis")}</strong>
      <figcaption className={css.which}>
        {name} · {which(preview)}
      </figcaption>
    </figure>
  );
}

/** Counted from 1, as a person does; what there is only one of is not told. */
function which({ slice, contrast, phase, repetition, set }: Preview): string {
  const further = [
    [t("contrast"), contrast],
    [t("phase"), phase],
    [t("repetition"), repetition],
    [t("set"), set],
  ] as const;
  const told = further.filter(([, number]) => number > 0);
  return [[t("slice"), slice] as const, ...told]
    .map(([word, number]) => `${word} ${number + 1}`)
    .join(", ");
}
