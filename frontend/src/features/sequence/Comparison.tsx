import { Checkbox } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { plotQueries } from "../../api/sequencePlot";
import type { Sequence } from "../../api/types";
import { t } from "../../i18n";
import { capitalised } from "../../shared/format";
import { QueryView } from "../../shared/states";
import { fieldWords, valueWords } from "./facts";
import css from "./sequence.module.css";

/** The facts of two sequences side by side; at first only what differs. */
export function Comparison({ left, right }: { left: Sequence; right: Sequence }) {
  const diff = useQuery(plotQueries.diff(left._id, right._id));
  const [all, setAll] = useState(false);
  return (
    <section className={css.comparison} aria-label={t("Facts of both")}>
      <QueryView query={diff} rows={6} safe={t("Both sequences are stored.")}>
        {({ same_content, facts, definitions }) => {
          const rows = [...facts, ...definitions].filter(({ differs }) => all || differs);
          return (
            <>
              <header>
                <h3>{same_content ? t("The files are the same") : t("What differs")}</h3>
                <Checkbox
                  size="xs"
                  label={t("Also what is the same")}
                  checked={all}
                  onChange={(event) => setAll(event.currentTarget.checked)}
                />
              </header>
              {rows.length === 0 ? (
                <p className="dim">{t("No fact differs.")}</p>
              ) : (
                <table>
                  <thead>
                    <tr>
                      <th scope="col">{t("Fact")}</th>
                      <th scope="col">{left.name}</th>
                      <th scope="col">{right.name}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {rows.map((row, at) => (
                      <tr key={`${row.field} ${at}`} data-differs={row.differs || undefined}>
                        <th scope="row">{capitalised(fieldWords(row.field))}</th>
                        <td>{valueWords(row.left)}</td>
                        <td>{valueWords(row.right)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )}
            </>
          );
        }}
      </QueryView>
    </section>
  );
}
