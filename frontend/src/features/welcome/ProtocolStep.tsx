import { Button } from "@mantine/core";
import { IconCircleCheck, IconDownload } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { type ExampleProtocol, libraryQueries, takeExample } from "../../api/library";
import { keys } from "../../api/queries";
import type { Device } from "../../api/types";
import { plural, t } from "../../i18n";
import { rich } from "../../i18n/rich";
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
        {rich(
          "A protocol says which sequences are played, and what is computed from their data. Take a ready one{device}, or <a>make your own</a> in the library.",
          {
            device: device ? t(" for {device}", { device: device.name }) : "",
            a: <Link to="/protocols" />,
          },
        )}
      </p>
      <QueryView query={examples} rows={3} safe={t("The library itself is not affected.")}>
        {(all) =>
          all.length === 0 ? (
            <Empty title={t("This server brings no ready protocols")}>
              {t("Import a file of protocols in the library, or make one there.")}
            </Empty>
          ) : (
            <ul className={css.examples} aria-label={t("Ready protocols")}>
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
          {plural(example.tasks.length, "{n} task", "{n} tasks")}: {example.tasks.join(", ")}
        </p>
        <ErrorLine error={take.error} />
      </div>
      <div className={page.buttons}>
        {example.exam_id ? (
          <Link to="/protocols" search={{ id: example.exam_id }} className={css.taken}>
            <IconCircleCheck size={16} aria-hidden /> {t("In the library")}
          </Link>
        ) : (
          <Button
            leftSection={<IconDownload size={16} />}
            loading={take.isPending}
            {...guarded(mayNot)}
            onClick={() => take.mutate()}
          >
            {t("Use {example}", { example: example.name })}
          </Button>
        )}
      </div>
    </li>
  );
}
