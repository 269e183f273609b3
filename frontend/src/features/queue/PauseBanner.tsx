import { Button } from "@mantine/core";
import { IconPlayerPauseFilled, IconPlayerPlay } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { imageKeys, imageQueries } from "../../api/imageQueries";
import { type Pause, resumeSending } from "../../api/images";
import { t } from "../../i18n";
import { guarded, useMayOperate } from "../../shared/roles";
import { ErrorLine } from "../../shared/states";
import { pauseWords, placeWords } from "./pauses";
import css from "./queue.module.css";

/** What is not sent at present, who said so and why; one button each to go on. */
export function PauseBanner() {
  const pauses = useQuery(imageQueries.pauses).data ?? [];
  if (pauses.length === 0) return null;
  return (
    <div className={css.banner} role="status" aria-label={t("Paused")}>
      {pauses.map((pause) => (
        <PausedLine key={pause.target ?? ""} pause={pause} />
      ))}
    </div>
  );
}

function PausedLine({ pause }: { pause: Pause }) {
  const client = useQueryClient();
  const mayNot = useMayOperate();
  const resume = useMutation({
    mutationFn: () => resumeSending(pause.target),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: imageKeys.dispatches }),
        client.invalidateQueries({ queryKey: imageKeys.targets }),
      ]),
  });
  return (
    <div className={css.bannerLine}>
      <IconPlayerPauseFilled size={18} aria-hidden />
      <p>
        <strong>
          {t("Sending to {placeWords} is paused", { placeWords: placeWords(pause.target) })}
        </strong>{" "}
        {pauseWords(pause)}
      </p>
      <Button
        {...guarded(mayNot)}
        size="xs"
        variant="default"
        leftSection={<IconPlayerPlay size={16} />}
        loading={resume.isPending}
        onClick={() => resume.mutate()}
      >
        {t("Go on with {placeWords}", { placeWords: placeWords(pause.target) })}
      </Button>
      <ErrorLine error={resume.error} />
    </div>
  );
}
