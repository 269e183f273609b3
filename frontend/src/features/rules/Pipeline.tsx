import {
  IconArchive,
  IconBell,
  IconPhoto,
  IconPuzzle,
  IconRoute,
  IconSend,
  IconUserQuestion,
  type TablerIcon,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import type { Rule } from "../../api/routing";
import { routingQueries } from "../../api/routingQueries";
import { t } from "../../i18n";
import { DetailSection } from "../../shared/DetailSection";
import page from "../../shared/page.module.css";
import { ErrorLine } from "../../shared/states";
import { pipelineOf, type Station, type Tone } from "./pipeline";
import css from "./pipeline.module.css";

const ICONS: Record<Station["kind"], TablerIcon> = {
  series: IconPhoto,
  rule: IconRoute,
  module: IconPuzzle,
  review: IconUserQuestion,
  target: IconSend,
  nowhere: IconArchive,
  message: IconBell,
};
const SPANS: [number, string][] = [
  [1, t("Hour")],
  [24, t("Day")],
  [168, t("Week")],
];

/** What a rule does from the images to the targets, and how much is where. */
export function Pipeline({ rule }: { rule: Rule }) {
  const [hours, setHours] = useState(24);
  const flow = useQuery(routingQueries.flow(rule.name, hours));
  const { line, ends, told } = pipelineOf(rule, flow.data ?? null);
  return (
    <DetailSection title={t("What comes of it")}>
      <div className={css.head}>
        <div className={page.choice} role="group" aria-label={t("Cases of the last")}>
          {SPANS.map(([span, word]) => (
            <button
              key={span}
              type="button"
              aria-pressed={span === hours}
              onClick={() => setHours(span)}
            >
              {word}
            </button>
          ))}
        </div>
        <span className="dim">{t("and whatever has not ended")}</span>
      </div>
      <ErrorLine error={flow.error} />
      <div className={css.pipeline} data-off={rule.disabled || undefined}>
        <ol className={css.line} aria-label={t("What {rule} does", { rule: rule.name })}>
          {line.map((station) => (
            <li key={station.key}>
              <Box station={station} />
            </li>
          ))}
          <li className={css.ends}>
            <ul className={css.branches} aria-label={t("Where it ends")}>
              {ends.map((station) => (
                <li key={station.key}>
                  <Box station={station} />
                </li>
              ))}
            </ul>
          </li>
        </ol>
        {told.length > 0 && (
          <ul className={css.told} aria-label={t("Who is told")}>
            {told.map((station) => (
              <li key={station.key}>
                <Box station={station} />
              </li>
            ))}
          </ul>
        )}
      </div>
    </DetailSection>
  );
}

function Box({ station: { kind, title, about, place, tallies } }: { station: Station }) {
  const Icon = ICONS[kind];
  const fault = tallies.some(({ tone }) => tone === "fault");
  return (
    <div className={css.box} data-kind={kind} data-fault={fault || undefined}>
      <Icon size={18} aria-hidden className={css.icon} />
      <div className={css.words}>
        <p>
          {place ? (
            <Link {...place} className={css.title}>
              {title}
            </Link>
          ) : (
            <strong className={css.title}>{title}</strong>
          )}{" "}
          {about && <span className="dim">{about}</span>}
        </p>
        {tallies.length > 0 && (
          <span className={css.tallies}>
            {tallies.map(({ tone, words, place: to }) =>
              to ? (
                <Link key={words} {...to} data-tone={tone satisfies Tone}>
                  {words}
                </Link>
              ) : (
                <span key={words} data-tone={tone}>
                  {words}
                </span>
              ),
            )}
          </span>
        )}
      </div>
    </div>
  );
}
