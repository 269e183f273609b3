import { Button } from "@mantine/core";
import { IconCircleCheck, IconDownload } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { type ExampleProtocol, libraryQueries, takeExample } from "../../api/library";
import { keys } from "../../api/queries";
import type { Device } from "../../api/types";
import { counted } from "../../shared/format";
import page from "../../shared/page.module.css";
import { guarded, useMayRelease } from "../../shared/roles";
import { Empty, ErrorLine, QueryView } from "../../shared/states";
import css from "./welcome.module.css";

/** Ready protocols with their sequences, each taken in with one click. */
export function ProtocolStep({ devices }: { devices: Device[] }) {
  const examples = useQuery(libraryQueries.examples);
  const connected = devices.filter(({ status }) => status !== "OFFLINE");
  const device = connected.length === 1 ? connected[0] : undefined;
  return (
    <>
      <p>
        A protocol says which sequences are played, and what is computed from their data. Take a
        ready one{device && ` for ${device.name}`}, or <Link to="/protocols">make your own</Link> in
        the library.
      </p>
      <QueryView query={examples} rows={3} safe="The library itself is not affected.">
        {(all) =>
          all.length === 0 ? (
            <Empty title="This server brings no ready protocols">
              Import a file of protocols in the library, or make one there.
            </Empty>
          ) : (
            <ul className={css.examples} aria-label="Ready protocols">
              {all.map((example) => (
                <Example key={example.key} example={example} deviceId={device?.id ?? null} />
              ))}
            </ul>
          )
        }
      </QueryView>
    </>
  );
}

function Example({ example, deviceId }: { example: ExampleProtocol; deviceId: string | null }) {
  const client = useQueryClient();
  const mayNot = useMayRelease();
  const take = useMutation({
    mutationFn: () => takeExample(example.key, deviceId),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: keys.templates }),
        client.invalidateQueries({ queryKey: keys.sequences }),
      ]),
  });
  return (
    <li>
      <div>
        <h3>{example.name}</h3>
        <p className="dim">{example.description}</p>
        <p className="dim">
          {counted(example.tasks.length, "task")}: {example.tasks.join(", ")}
        </p>
        <ErrorLine error={take.error} />
      </div>
      <div className={page.buttons}>
        {example.exam_id ? (
          <Link to="/protocols" search={{ id: example.exam_id }} className={css.taken}>
            <IconCircleCheck size={16} aria-hidden /> In the library
          </Link>
        ) : (
          <Button
            leftSection={<IconDownload size={16} />}
            loading={take.isPending}
            {...guarded(mayNot)}
            onClick={() => take.mutate()}
          >
            Use {example.name}
          </Button>
        )}
      </div>
    </li>
  );
}
