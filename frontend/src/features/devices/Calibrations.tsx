import { Button, Checkbox } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { calibrateDevice } from "../../api/endpoints";
import { keys, queries } from "../../api/queries";
import type { Calibration, CalibrationType, Device } from "../../api/types";
import { t } from "../../i18n";
import { clock, day } from "../../shared/format";
import past from "../../shared/history.module.css";
import page from "../../shared/page.module.css";
import { ErrorLine, QueryView } from "../../shared/states";
import { calibrationLook } from "../../shared/status";
import { StatusBadge } from "../../shared/StatusBadge";
import { authorName, parameterFact } from "../../shared/schema/words";
import css from "./devices.module.css";
import { KINDS } from "./parameters";

/** Lets a device calibrate by itself, and shows what came of it, now and before. */
export function Calibrations({ device }: { device: Device }) {
  const history = useQuery(queries.calibrations(device.id));
  const can = device.capabilities?.includes("calibrate") ?? false;
  return (
    <>
      <section className={page.detailSection} aria-label={t("Calibrate now")}>
        {can ? (
          <Begin device={device} />
        ) : (
          <p>{t("This device does not announce that it can calibrate.")}</p>
        )}
      </section>
      <section className={page.detailSection} aria-label={t("Calibrations so far")}>
        <h3>{t("History")}</h3>
        <QueryView query={history} rows={3} safe={t("The device itself is not affected.")}>
          {(rows) =>
            rows.length === 0 ? (
              <p className="dim">{t("Not calibrated yet.")}</p>
            ) : (
              <ul className={past.list} aria-label={t("Calibrations")}>
                {rows.map((row) => (
                  <CalibrationRow key={row.id} row={row} />
                ))}
              </ul>
            )
          }
        </QueryView>
      </section>
    </>
  );
}

function Begin({ device }: { device: Device }) {
  const client = useQueryClient();
  const [kinds, setKinds] = useState<string[]>(["frequency"]);
  const chosen = (Object.keys(KINDS) as CalibrationType[]).filter((kind) => kinds.includes(kind));
  const begin = useMutation({
    mutationFn: () => calibrateDevice(device.id, chosen),
    onSettled: () => client.invalidateQueries({ queryKey: keys.calibrations(device.id) }),
  });
  const free = device.status === "ONLINE";
  return (
    <form
      className={page.form}
      aria-label={t("Calibrate")}
      onSubmit={(event) => {
        event.preventDefault();
        begin.mutate();
      }}
    >
      <Checkbox.Group label={t("One after the other")} value={kinds} onChange={setKinds}>
        <div className={css.kinds}>
          {Object.entries(KINDS).map(([kind, word]) => (
            <Checkbox key={kind} value={kind} label={word} />
          ))}
        </div>
      </Checkbox.Group>
      <ErrorLine error={begin.error} />
      <div className={page.buttons}>
        <Button
          type="submit"
          variant="default"
          disabled={!free || chosen.length === 0}
          loading={begin.isPending}
        >
          {t("Calibrate")}
        </Button>
        {!free && (
          <p className={`dim ${css.beside}`}>{t("The device has to be ready and free.")}</p>
        )}
      </div>
    </form>
  );
}

function CalibrationRow({ row }: { row: Calibration }) {
  const quality = Object.entries(row.quality ?? {}).map(([name, value]) =>
    inLine(parameterFact(name, value)),
  );
  const from = row.acquisition_id
    ? t("with a scan")
    : t("by {authorName}", { authorName: authorName(row.requested_by) });
  return (
    <li className={past.row}>
      <div className={page.line}>
        <strong>{KINDS[row.kind]}</strong>
        <StatusBadge look={calibrationLook(row.state)} />
        <span className={past.who}>
          {day(row.ended_at ?? row.created_at)} {clock(row.ended_at ?? row.created_at)} · {from}
        </span>
      </div>
      <p className="live-number">{outcome(row)}</p>
      {quality.length > 0 && <p className="dim">{quality.join(" · ")}</p>}
    </li>
  );
}

const inLine = ({ name, value }: { name: string; value: string }) => `${name} ${value}`;

/** What came of a calibration, in a line. */
export function outcome(row: Calibration): string {
  if (row.state === "requested") return t("is asked for");
  if (row.state === "failed") return row.problem ?? t("no reason was given");
  const values = Object.entries(row.values ?? {}).map(([name, value]) =>
    inLine(parameterFact(name, value)),
  );
  const taken = row.parameter_version
    ? t("made version {parameterVersion}", { parameterVersion: row.parameter_version })
    : t("nothing taken over");
  return [values.join(", ") || t("no values"), taken, row.problem].filter(Boolean).join(" · ");
}
