import { Button } from "@mantine/core";
import { IconLockOpen, IconShieldLock } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { upkeepQueries } from "../../api/upkeepQueries";
import { t } from "../../i18n";
import { rich } from "../../i18n/rich";
import { DetailSection } from "../../shared/DetailSection";
import { dayAndClock, plainReason } from "../../shared/format";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate } from "../../shared/roles";
import { QueryView } from "../../shared/states";
import css from "./cleaning.module.css";

const HoldModal = lazy(() => import("./HoldModal"));
const LiftModal = lazy(() => import("./LiftModal"));

/** Whether a study must stay, why, and the way to change that. */
export function HoldSection({ study }: { study: string }) {
  const held = useQuery(upkeepQueries.hold(study));
  const mayNot = useMayOperate();
  const [asking, setAsking] = useState<"hold" | "lift" | null>(null);
  const close = () => setAsking(null);
  const button = { variant: "default", ...guarded(mayNot) } as const;
  return (
    <DetailSection title={t("Hold")}>
      <QueryView query={held} rows={1} safe={t("What is held stays held.")}>
        {(hold) => (
          <>
            {hold ? (
              <p className={css.why}>
                {rich("Held by {heldBy} since {heldAt}: {reason}", {
                  heldBy: <strong>{plainReason(hold.held_by)}</strong>,
                  heldAt: dayAndClock(hold.held_at),
                  reason: hold.reason,
                })}
              </p>
            ) : (
              <p className="dim">{t("Not held: the settings say how long it stays.")}</p>
            )}
            <div className={page.buttons}>
              {hold ? (
                <Button
                  {...button}
                  leftSection={<IconLockOpen size={16} />}
                  onClick={() => setAsking("lift")}
                >
                  {t("Lift the hold")}
                </Button>
              ) : (
                <Button
                  {...button}
                  leftSection={<IconShieldLock size={16} />}
                  onClick={() => setAsking("hold")}
                >
                  {t("Hold the study")}
                </Button>
              )}
            </div>
          </>
        )}
      </QueryView>
      <Suspense>
        {asking === "hold" && <HoldModal uid={study} onClose={close} />}
        {asking === "lift" && <LiftModal uid={study} onClose={close} />}
      </Suspense>
    </DetailSection>
  );
}
