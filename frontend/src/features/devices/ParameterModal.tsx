import { Button, Modal, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { getParameter, getParameterVersion, setParameter } from "../../api/endpoints";
import { ApiError } from "../../api/problem";
import { keys, queries } from "../../api/queries";
import type { Device, DeviceParameter } from "../../api/types";
import { clock, day } from "../../shared/format";
import page from "../../shared/page.module.css";
import { ErrorLine, QueryView } from "../../shared/states";
import { authorName, readParameters } from "./parameters";

/** Shows the parameters of a device as JSON, and saves a new version of them. */
export default function ParameterModal({
  device,
  onClose,
}: {
  device: Device;
  onClose: () => void;
}) {
  // Its own copy: what is being edited does not change under the hands of whoever edits it.
  const inForce = useQuery({
    queryKey: ["parameter being edited", device.id],
    queryFn: () => getParameter(device.id),
    refetchOnWindowFocus: false,
    gcTime: 0,
    staleTime: Infinity,
  });
  return (
    <Modal opened onClose={onClose} size="lg" title={`Parameters of ${device.name}`}>
      <QueryView query={inForce} rows={8} safe="The parameters themselves are not affected.">
        {(found) => (
          <Editor
            key={found.version}
            device={device}
            found={found}
            onReload={() => void inForce.refetch()}
            onClose={onClose}
          />
        )}
      </QueryView>
    </Modal>
  );
}

interface EditorProps {
  device: Device;
  found: DeviceParameter;
  onReload: () => void;
  onClose: () => void;
}

function Editor({ device, found, onReload, onClose }: EditorProps) {
  const client = useQueryClient();
  const [typed, setTyped] = useState(() => asText(found.parameter));
  const [comment, setComment] = useState("");
  const read = readParameters(typed);
  const problem = "problem" in read ? read.problem : null;
  const save = useMutation({
    mutationFn: () =>
      "parameter" in read
        ? setParameter(device.id, found.version, read.parameter, comment.trim())
        : Promise.reject(new Error(read.problem)),
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries({ queryKey: keys.devices });
    },
  });
  const stale = save.error instanceof ApiError && save.error.status === 412;
  return (
    <form
      className={page.form}
      aria-label="Parameters"
      onSubmit={(event) => {
        event.preventDefault();
        if (problem === null) save.mutate();
      }}
    >
      {found.problems?.map(({ field, problem: why }) => (
        <ErrorLine key={`${field} ${why}`} error={new Error(`${field}: ${why}`)} />
      ))}
      <Textarea
        label={found.version > 0 ? `Version ${found.version}` : "None were ever set"}
        description="JSON. The device gets what is saved, and its next scan is played with it."
        autosize
        minRows={8}
        maxRows={20}
        spellCheck={false}
        classNames={{ input: "mono" }}
        value={typed}
        error={problem}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <TextInput
        label="Comment"
        placeholder="Why it is changed"
        maxLength={1000}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <ErrorLine error={save.error} />
      <div className={page.formEnd}>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        {stale && (
          <Button variant="default" onClick={onReload}>
            Show the newest
          </Button>
        )}
        <Button type="submit" disabled={problem !== null} loading={save.isPending}>
          Save as a new version
        </Button>
      </div>
      <History device={device} onShow={(parameter) => setTyped(asText(parameter))} />
    </form>
  );
}

function History({
  device,
  onShow,
}: {
  device: Device;
  onShow: (parameter: Record<string, unknown>) => void;
}) {
  const versions = useQuery(queries.parameterVersions(device.id));
  const show = useMutation({
    mutationFn: (version: number) => getParameterVersion(device.id, version),
    onSuccess: ({ parameter }) => onShow(parameter),
  });
  return (
    <section aria-label="Versions">
      <h3>Versions</h3>
      <QueryView query={versions} rows={3} safe="The parameters themselves are not affected.">
        {(all) => (
          <ul>
            {all.map(({ version, author, comment, created_at }) => (
              <li key={version} className={page.rowLink}>
                <span>
                  <strong>{version}</strong> {authorName(author)}
                  {comment && <span className="dim"> · {comment}</span>}
                </span>
                <span className="dim">
                  {created_at && `${day(created_at)} ${clock(created_at, false)}`}{" "}
                  <Button
                    size="compact-sm"
                    variant="subtle"
                    aria-label={`Take version ${version} into the editor`}
                    onClick={() => show.mutate(version)}
                  >
                    Take
                  </Button>
                </span>
              </li>
            ))}
          </ul>
        )}
      </QueryView>
      <ErrorLine error={show.error} />
    </section>
  );
}

const asText = (parameter: Record<string, unknown>) => JSON.stringify(parameter, null, 2);
