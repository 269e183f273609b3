import { Button, Checkbox, Modal } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { calibrateDevice } from "../../api/endpoints";
import { keys, queries } from "../../api/queries";
import type { Calibration, CalibrationType, Device } from "../../api/types";
import { dayOrClock } from "../../shared/format";
import page from "../../shared/page.module.css";
import { ErrorLine, QueryView } from "../../shared/states";
import { KINDS } from "./parameters";

/** Lets a device calibrate by itself, and shows what came of it, now and before. */
export default function CalibrateModal({
  device,
  onClose,
}: {
  device: Device;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const [kinds, setKinds] = useState<string[]>(["frequency"]);
  const history = useQuery(queries.calibrations(device.id));
  const can = device.capabilities?.includes("calibrate") ?? false;
  const chosen = (Object.keys(KINDS) as CalibrationType[]).filter((kind) => kinds.includes(kind));
  const begin = useMutation({
    mutationFn: () => calibrateDevice(device.id, chosen),
    onSettled: () => client.invalidateQueries({ queryKey: keys.calibrations(device.id) }),
  });
  return (
    <Modal opened onClose={onClose} title={`Calibrate ${device.name}`}>
      <form
        className={page.form}
        aria-label="Calibrate"
        onSubmit={(event) => {
          event.preventDefault();
          begin.mutate();
        }}
      >
        {can ? (
          <Checkbox.Group label="One after the other" value={kinds} onChange={setKinds}>
            {Object.entries(KINDS).map(([kind, word]) => (
              <Checkbox key={kind} mt="xs" value={kind} label={word} />
            ))}
          </Checkbox.Group>
        ) : (
          <p>This device does not announce that it can calibrate.</p>
        )}
        <ErrorLine error={begin.error} />
        <QueryView query={history} rows={3} safe="The device itself is not affected.">
          {(rows) => (
            <ul aria-label="Calibrations">
              {rows.map((row) => (
                <li key={row.id}>
                  <strong>{KINDS[row.kind]}</strong> {outcome(row)}{" "}
                  <span className="dim">{dayOrClock(row.ended_at ?? row.created_at)}</span>
                </li>
              ))}
            </ul>
          )}
        </QueryView>
        <div className={page.formEnd}>
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
          <Button type="submit" disabled={!can || chosen.length === 0} loading={begin.isPending}>
            Calibrate
          </Button>
        </div>
      </form>
    </Modal>
  );
}

/** What came of a calibration, in a line. */
export function outcome(row: Calibration): string {
  if (row.state === "requested") return "is asked for";
  if (row.state === "failed") return `failed: ${row.problem ?? "no reason was given"}`;
  const values = Object.entries(row.values ?? {}).map(
    ([name, value]) => `${name} ${JSON.stringify(value)}`,
  );
  const taken = row.parameter_version ? `version ${row.parameter_version}` : "nothing taken over";
  return [values.join(", ") || "no values", taken, row.problem].filter(Boolean).join(" · ");
}
