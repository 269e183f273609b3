import { Button } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { reorderRules } from "../../api/routing";
import { routingKeys, routingQueries } from "../../api/routingQueries";
import type { JournalEvent } from "../../api/types";
import { t } from "../../i18n";
import { useMayAdminister } from "../../shared/roles";
import { ErrorLine, QueryView } from "../../shared/states";
import { orderOf, orderAgain, movedIn } from "./change";
import css from "./changes.module.css";

/** The order of the rules before and after a change, and the way back to either. */
export function RuleOrder({ event }: { event: JournalEvent }) {
  const rules = useQuery(routingQueries.rules);
  const before = orderOf(event, "before");
  const after = orderOf(event, "after");
  return (
    <QueryView query={rules} rows={3} safe={t("The rules decide as before.")}>
      {(all) => {
        const now = all.map(({ name }) => name);
        return (
          <div className={css.orders}>
            <Order title={t("Before")} names={before} moved={movedIn(before, after)} now={now} />
            <Order title={t("After")} names={after} moved={movedIn(before, after)} now={now} />
          </div>
        );
      }}
    </QueryView>
  );
}

interface OrderProps {
  title: string;
  names: string[];
  moved: ReadonlySet<string>;
  now: string[];
}

function Order({ title, names, moved, now }: OrderProps) {
  const client = useQueryClient();
  const mayNot = useMayAdminister();
  const again = orderAgain(names, now);
  const isNow = again.join("\n") === now.join("\n");
  const ordering = useMutation({
    mutationFn: () => reorderRules(again),
    onSettled: () => client.invalidateQueries({ queryKey: routingKeys.rules }),
  });
  return (
    <section aria-label={title}>
      <h4 className={css.title}>{title}</h4>
      <ol className={css.order}>
        {names.map((name) => (
          <li key={name} className={moved.has(name) ? css.moved : undefined}>
            {now.includes(name) ? (
              <Link to="/rules" search={{ id: name }}>
                {name}
              </Link>
            ) : (
              <span className="dim">{t("{name} (deleted)", { name })}</span>
            )}
          </li>
        ))}
      </ol>
      {isNow ? (
        <p className="dim">{t("The rules are in this order.")}</p>
      ) : (
        <Button
          variant="default"
          size="xs"
          disabled={mayNot !== null}
          title={mayNot ?? undefined}
          loading={ordering.isPending}
          onClick={() => ordering.mutate()}
        >
          {t("Use this order again")}
        </Button>
      )}
      <ErrorLine error={ordering.error} />
    </section>
  );
}
