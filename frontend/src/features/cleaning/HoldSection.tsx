import { Button } from "@mantine/core";
import { IconLockOpen, IconShieldLock } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { upkeepQueries } from "../../api/upkeepQueries";
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
    <DetailSection title="Hold">
      <QueryView query={held} rows={1} safe="What is held stays held.">
        {(hold) => (
          <>
            {hold ? (
              <p className={css.why}>
                Held by <strong>{plainReason(hold.held_by)}</strong> since{" "}
                {dayAndClock(hold.held_at)}: {hold.reason}
              </p>
            ) : (
              <p className="dim">Not held: the settings say how long it stays.</p>
            )}
            <div className={page.buttons}>
              {hold ? (
                <Button
                  {...button}
                  leftSection={<IconLockOpen size={16} />}
                  onClick={() => setAsking("lift")}
                >
                  Lift the hold
                </Button>
              ) : (
                <Button
                  {...button}
                  leftSection={<IconShieldLock size={16} />}
                  onClick={() => setAsking("hold")}
                >
                  Hold the study
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
