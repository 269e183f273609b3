import { t } from "../../i18n";

/** A name and what is known of it, as a row of a list of facts. */
export function Fact({
  name,
  value,
  mono,
}: {
  name: string;
  value?: string | null;
  mono?: boolean;
}) {
  return (
    <>
      <dt>{name}</dt>
      <dd className={mono ? "mono" : "live-number"}>
        {value || <span className="dim">{t("not told")}</span>}
      </dd>
    </>
  );
}
