import { Button, TextInput } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { restoreParameter } from "../../api/endpoints";
import { keys, queries } from "../../api/queries";
import type { Device, ParameterChange, ParameterVersion } from "../../api/types";
import { clock, day } from "../../shared/format";
import { useMayChangeDevices } from "../../shared/roles";
import { ErrorLine, QueryView } from "../../shared/states";
import { ChangeList } from "./ChangeList";
import css from "./devices.module.css";
import { authorName } from "./parameters";
import type { Field } from "./schema";

/** Who changed the parameters, when and why; what each version changed, and the way back to it. */
export function ParameterHistory({ device, fields }: { device: Device; fields: Field[] }) {
  const versions = useQuery(queries.parameterVersions(device.id));
  const [opened, setOpened] = useState<number | null>(null);
  return (
    <QueryView query={versions} rows={3} safe="The parameters themselves are not affected.">
      {(all) =>
        all.length === 0 ? (
          <p className="dim">None were ever set.</p>
        ) : (
          <ol className={css.history} aria-label="Versions">
            {all.map((entry) => (
              <VersionRow
                key={entry.version}
                device={device}
                fields={fields}
                entry={entry}
                open={opened === entry.version}
                onToggle={() => setOpened(opened === entry.version ? null : entry.version)}
              />
            ))}
          </ol>
        )
      }
    </QueryView>
  );
}

interface RowProps {
  device: Device;
  fields: Field[];
  entry: ParameterVersion;
  open: boolean;
  onToggle: () => void;
}

function VersionRow({ device, fields, entry, open, onToggle }: RowProps) {
  const { version, author, comment, created_at } = entry;
  const Chevron = open ? IconChevronDown : IconChevronRight;
  const inForce = version === device.parameter_version;
  return (
    <li>
      <button type="button" className={css.historyHead} aria-expanded={open} onClick={onToggle}>
        <Chevron size={16} aria-hidden />
        <strong>Version {version}</strong>
        {inForce && <span className={css.inForce}>in force</span>}
        <span className={css.historyWho}>
          {authorName(author)}
          {created_at && ` · ${day(created_at)} ${clock(created_at, false)}`}
        </span>
        {comment && <span className={css.historyWhy}>{comment}</span>}
      </button>
      {open && (
        <div className={css.historyBody}>
          {version > 1 ? (
            <Difference
              title="What it changed"
              same="Nothing was changed."
              deviceId={device.id}
              before={version - 1}
              after={version}
              fields={fields}
            />
          ) : (
            <p className="dim">The first version.</p>
          )}
          {!inForce && <UseAgain device={device} version={version} fields={fields} />}
        </div>
      )}
    </li>
  );
}

function Difference({
  title,
  same,
  deviceId,
  before,
  after,
  fields,
}: {
  title: string;
  same: string;
  deviceId: string;
  before: number;
  after: number;
  fields: Field[];
}) {
  const found = useQuery(queries.parameterDiff(deviceId, before, after));
  return (
    <section aria-label={title}>
      <h4>{title}</h4>
      <QueryView query={found} rows={1} safe="The parameters themselves are not affected.">
        {(changes: ParameterChange[]) =>
          changes.length === 0 ? (
            <p className="dim">{same}</p>
          ) : (
            <ChangeList
              label={title}
              fields={fields}
              rows={changes.map((change) => ({
                path: change.field,
                before: change.before,
                after: change.after,
              }))}
            />
          )
        }
      </QueryView>
    </section>
  );
}

/** The way back: what would change, why, and a new version that says what the old one said. */
function UseAgain({
  device,
  version,
  fields,
}: {
  device: Device;
  version: number;
  fields: Field[];
}) {
  const client = useQueryClient();
  const mayNot = useMayChangeDevices();
  const [comment, setComment] = useState("");
  const restore = useMutation({
    mutationFn: () =>
      restoreParameter(device.id, version, device.parameter_version, comment.trim()),
    onSettled: () => client.invalidateQueries({ queryKey: keys.devices }),
  });
  return (
    <form
      className={css.again}
      aria-label={`Use version ${version} again`}
      onSubmit={(event) => {
        event.preventDefault();
        restore.mutate();
      }}
    >
      <Difference
        title="What would change now"
        same="It says the same as the version in force."
        deviceId={device.id}
        before={device.parameter_version}
        after={version}
        fields={fields}
      />
      <TextInput
        label="Why"
        placeholder="Kept with the new version"
        maxLength={1000}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <ErrorLine error={restore.error} />
      {mayNot && <p className="dim">{mayNot}</p>}
      <Button
        type="submit"
        variant="default"
        disabled={mayNot !== null}
        loading={restore.isPending}
      >
        Use version {version} again
      </Button>
    </form>
  );
}
