import { Button } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { lazy, Suspense } from "react";

import type { Sequence } from "../../api/library";
import { t } from "../../i18n";
import page from "../../shared/page.module.css";
import { Loading } from "../../shared/states";
import css from "./library.module.css";

const SequenceViewer = lazy(() => import("../sequence/SequenceViewer"));

/** What a sequence of the library plays, over the whole page; beside another one if asked. */
export function SequenceLook({
  sequence,
  comparedId,
  onCompare,
  onClose,
}: {
  sequence: Sequence;
  comparedId: string | null;
  onCompare: (id: string | null) => void;
  onClose: () => void;
}) {
  return (
    <div className={page.page}>
      <header className={css.lookHead}>
        <Button variant="default" leftSection={<IconArrowLeft size={16} />} onClick={onClose}>
          {t("Sequences")}
        </Button>
        <h1>{sequence.name}</h1>
        <span className="dim">
          {t("Version {lineageVersion}", { lineageVersion: sequence.lineage_version ?? 1 })}
        </span>
      </header>
      <section
        className={css.look}
        aria-label={t("Plots of {sequence}", { sequence: sequence.name })}
      >
        <Suspense fallback={<Loading label={t("Loading the plots")} rows={6} />}>
          <SequenceViewer
            key={sequence._id}
            sequence={sequence}
            compared={{ id: comparedId, onChange: onCompare }}
          />
        </Suspense>
      </section>
    </div>
  );
}
