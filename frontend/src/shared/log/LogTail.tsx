import { clock } from "../format";
import { lastLines } from "./log";
import css from "./log.module.css";

const LINES = 200;

const toTheEnd = (box: HTMLPreElement | null) => {
  if (box) box.scrollTop = box.scrollHeight;
};

/** The end of a log, for whoever may not see all of it. */
export function LogTail({ text }: { text: string }) {
  return (
    <pre
      ref={toTheEnd}
      className={css.tail}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
    >
      {lastLines(text, LINES).lines.map((line, at) => (
        // oxlint-disable-next-line react/no-array-index-key
        <span key={at}>
          {line.time && <span className={css.time}>{clock(line.time)} </span>}
          {line.text}
          {"\n"}
        </span>
      ))}
    </pre>
  );
}
