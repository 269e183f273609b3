import type { CaseSeries, RuleFinding } from "../../api/images";
import { t } from "../../i18n";
import { dayAndClock } from "../../shared/format";
import { StatusBadge } from "../../shared/StatusBadge";
import css from "./cases.module.css";
import { RULE_OUTCOME } from "./looks";

/** Each rule that was looked at: whether it fired, why, and on which tags it looked. */
export function Explanation({ series }: { series: CaseSeries[] }) {
  if (series.length === 0) return <p className="dim">{t("Nothing was decided yet.")}</p>;
  return (
    <div className={css.decisions}>
      {series.map((one) => (
        <Decision key={one.series_instance_uid} series={one} named={series.length > 1} />
      ))}
    </div>
  );
}

function Decision({ series, named }: { series: CaseSeries; named: boolean }) {
  const { decision } = series;
  const findings = decision?.selection?.rules ?? [];
  return (
    <div className={css.decision}>
      {named && <h4>{series.series_description || series.series_instance_uid}</h4>}
      {decision ? (
        <p>
          {decision.reason}{" "}
          <span className="dim">
            {t("Decided {decidedAt}.", { decidedAt: dayAndClock(decision.decided_at) })}
          </span>
        </p>
      ) : (
        <p className="dim">{t("No decision is kept of it.")}</p>
      )}
      {findings.length > 0 && (
        <ul className={css.findings} aria-label={t("Rules")}>
          {findings.map((finding) => (
            <Finding
              key={finding.name}
              finding={finding}
              version={decision?.rule_versions[finding.name]}
            />
          ))}
        </ul>
      )}
    </div>
  );
}

function Finding({ finding, version }: { finding: RuleFinding; version: number | undefined }) {
  const tags = finding.tags_accessed ?? [];
  return (
    <li>
      <div className={css.findingHead}>
        <strong>{finding.name}</strong>
        {version !== undefined && (
          <span className="dim">{t("version {version}", { version })}</span>
        )}
        <StatusBadge look={RULE_OUTCOME[finding.outcome]} />
      </div>
      {finding.reason && <p>{finding.reason}</p>}
      {tags.length > 0 && (
        <p className={css.tags}>
          <span className="dim">{t("Looked at")}</span>
          {tags.map(({ keyword, known, has_value }) => (
            <span key={keyword} className={css.tag} data-missing={!has_value || undefined}>
              {keyword}
              {!known ? t(" (not kept)") : !has_value ? t(" (empty)") : ""}
            </span>
          ))}
        </p>
      )}
    </li>
  );
}
