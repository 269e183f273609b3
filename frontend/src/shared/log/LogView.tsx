import { Anchor, Button } from "@mantine/core";
import { IconArrowBarToDown, IconCopy, IconDownload } from "@tabler/icons-react";
import { useEffect, useMemo, useRef, useState } from "react";

import { plural, t } from "../../i18n";
import { clock } from "../format";
import { ErrorLine } from "../states";
import { lastLines } from "./log";
import css from "./log.module.css";
import { type ReadLog, useLog } from "./useLog";

/** More are in the file. */
const LINES = 1000;
/** This near to the end is at the end [px]. */
const NEAR = 24;

interface Props {
  /** Whose log it is. */
  of: string;
  run: string;
  /** Which step of a run of modules; null: of a job of an exam. */
  step: number | null;
  read: ReadLog;
  /** More may come: it is read on, and the end stays in sight. */
  live: boolean;
  /** Where the whole of it is downloaded. */
  url: string;
}

/** What a program said, and says. */
export function LogView({ of, run, step, read, live, url }: Props) {
  const { text, error } = useLog(read, live, run, step);
  const { lines, left } = useMemo(() => lastLines(text ?? "", LINES), [text]);
  const [following, setFollowing] = useState(true);
  const [copied, setCopied] = useState(false);
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (following && lines.length > 0 && box.current)
      box.current.scrollTop = box.current.scrollHeight;
  }, [lines, following]);
  const copy = () => {
    void navigator.clipboard?.writeText(text ?? "").then(() => setCopied(true));
  };
  return (
    <div className={css.log}>
      <pre
        ref={box}
        className={css.lines}
        role="log"
        aria-live="off"
        aria-label={t("Log of {of}", { of })}
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
          setFollowing(scrollHeight - scrollTop - clientHeight < NEAR)
        }
      >
        {left > 0 && (
          <span className="dim">
            {t("{lines} before, in the file", { lines: plural(left, "{n} line", "{n} lines") })}
          </span>
        )}
        {lines.map((line, at) => (
          // Lines are added at the end and never change place.
          // oxlint-disable-next-line react/no-array-index-key
          <span key={left + at}>
            {line.time && <span className={css.time}>{clock(line.time)} </span>}
            {line.text}
            {"\n"}
          </span>
        ))}
        {text === "" && (
          <span className="dim">{live ? t("Nothing yet.") : t("It said nothing.")}</span>
        )}
      </pre>
      <ErrorLine error={error} />
      <div className={css.end}>
        <span className="dim" role="status">
          {live ? (following ? t("Live") : t("Live, scrolled back")) : ""}
        </span>
        {!following && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconArrowBarToDown size={16} />}
            onClick={() => setFollowing(true)}
          >
            {t("To the end")}
          </Button>
        )}
        {"clipboard" in navigator && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconCopy size={16} />}
            disabled={!text}
            onClick={copy}
          >
            {copied ? t("Copied") : t("Copy")}
          </Button>
        )}
        <Anchor size="sm" href={url} download={`${of}.log`} className={css.download}>
          <IconDownload size={16} aria-hidden /> {t("Download")}
        </Anchor>
      </div>
    </div>
  );
}
