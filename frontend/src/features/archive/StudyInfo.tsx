import { Button } from "@mantine/core";
import { IconPlayerTrackNext, IconSend, IconTrash } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { completeSeries, type SeriesOfStudy, type Study } from "../../api/archive";
import { imageKeys, imageQueries } from "../../api/imageQueries";
import { plural, t } from "../../i18n";
import { DetailSection } from "../../shared/DetailSection";
import { dicomDate } from "../../shared/dicomText";
import { dayAndClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate, useMayRemove } from "../../shared/roles";
import { ErrorLine, QueryView } from "../../shared/states";
import { StatusBadge } from "../../shared/StatusBadge";
import { CASE_STATE, ruleWords } from "../cases/looks";
import { HoldSection } from "../cleaning/HoldSection";
import css from "./archive.module.css";

interface Props {
  study: Study;
  series: SeriesOfStudy | null;
  onSend: (series: SeriesOfStudy) => void;
  /** Null: all of the study. */
  onRemove: (series: SeriesOfStudy | null) => void;
}

/** Whose study it is, what the series is, and what became of both. */
export function StudyInfo({ study, series, onSend, onRemove }: Props) {
  const mayNotRemove = useMayRemove();
  return (
    <aside className={css.info} aria-label={t("About the study")}>
      <h2 className="visually-hidden">{t("About the study")}</h2>
      {series && <AboutSeries {...{ series, onSend, onRemove }} />}
      <DetailSection title={t("Cases of this study")}>
        <CasesOf study={study.uid} />
      </DetailSection>
      <HoldSection study={study.uid} />
      <DetailSection title={t("Study")}>
        <dl className={page.facts}>
          <dt>{t("Patient ID")}</dt>
          <dd className="mono">{study.patientId || t("none")}</dd>
          <dt>{t("Born")}</dt>
          <dd>{dicomDate(study.birthDate) || t("not told")}</dd>
          <dt>{t("Sex")}</dt>
          <dd>{study.sex || t("not told")}</dd>
          <dt>{t("Accession")}</dt>
          <dd className="mono">{study.accession || t("none")}</dd>
          <dt>{t("Images")}</dt>
          <dd className="live-number">
            {t("{instances} in {series}", {
              instances: study.instances,
              series: plural(study.series, "{n} series", "{n} series"),
            })}
          </dd>
          <dt>{t("Study UID")}</dt>
          <dd className="mono">{study.uid}</dd>
        </dl>
        <div className={page.buttons}>
          <Button
            {...guarded(mayNotRemove)}
            variant="default"
            leftSection={<IconTrash size={16} />}
            onClick={() => onRemove(null)}
          >
            {t("Remove the study")}
          </Button>
        </div>
      </DetailSection>
    </aside>
  );
}

function AboutSeries({
  series,
  onSend,
  onRemove,
}: Omit<Props, "study" | "series"> & { series: SeriesOfStudy }) {
  const client = useQueryClient();
  const mayNot = useMayOperate();
  const mayNotRemove = useMayRemove();
  const complete = useMutation({
    mutationFn: () => completeSeries(series.series_instance_uid),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: imageKeys.archive }),
        client.invalidateQueries({ queryKey: imageKeys.cases }),
      ]),
  });
  return (
    <DetailSection title={series.series_description || t("Series without description")}>
      <dl className={page.facts}>
        <dt>{t("Number")}</dt>
        <dd>{series.series_number ?? t("none")}</dd>
        <dt>{t("Received")}</dt>
        <dd>{dayAndClock(series.received_at)}</dd>
        <dt>{t("State")}</dt>
        <dd>{series.complete ? t("Complete") : t("Images still arrive")}</dd>
        <dt>{t("Series UID")}</dt>
        <dd className="mono">{series.series_instance_uid}</dd>
      </dl>
      <div className={page.buttons}>
        {series.complete ? (
          <Button
            {...guarded(mayNot)}
            variant="default"
            leftSection={<IconSend size={16} />}
            onClick={() => onSend(series)}
          >
            {t("Send series")}
          </Button>
        ) : (
          <Button
            {...guarded(mayNot)}
            variant="default"
            leftSection={<IconPlayerTrackNext size={16} />}
            loading={complete.isPending}
            onClick={() => complete.mutate()}
          >
            {t("Nothing more comes")}
          </Button>
        )}
        <Button
          {...guarded(mayNotRemove)}
          variant="default"
          leftSection={<IconTrash size={16} />}
          onClick={() => onRemove(series)}
        >
          {t("Remove series")}
        </Button>
      </div>
      <ErrorLine error={complete.error} />
    </DetailSection>
  );
}

function CasesOf({ study }: { study: string }) {
  const cases = useInfiniteQuery(imageQueries.cases({ state: null, rule: null, text: "", study }));
  return (
    <QueryView query={cases} rows={2} safe={t("The cases go on as before.")}>
      {(rows) =>
        rows.length === 0 ? (
          <p className="dim">{t("None yet: no series of it is complete.")}</p>
        ) : (
          <ul>
            {rows.map((row) => (
              <li key={row.id}>
                <Link to="/cases" search={{ id: row.id }} className={page.rowLink}>
                  <span>{ruleWords(row)}</span>
                  <StatusBadge look={CASE_STATE[row.state]} />
                </Link>
              </li>
            ))}
          </ul>
        )
      }
    </QueryView>
  );
}
