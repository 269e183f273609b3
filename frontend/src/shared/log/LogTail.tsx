import { clock } from "../format";
import { lastLines } from "./log";
import css from "./log.module.css";

const LINES = 200;

/** The end of a log, for whoever may not see all of it. */
export function LogTail({ text }: { text: string }) {
  return (
    <pre className={css.tail}>
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
