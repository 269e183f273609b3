import { Button } from "@mantine/core";
import { IconArrowsExchange, IconBan, IconRefresh, IconSend } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { imageKeys } from "../../api/imageQueries";
import { cancelDispatch, type Dispatch, retryDispatch } from "../../api/images";
import { plural, t } from "../../i18n";
import page from "../../shared/page.module.css";
import { guarded, useMayOperate } from "../../shared/roles";
import { ErrorLine } from "../../shared/states";
import { isEnded, mayRedirect, mayRetry } from "./sending";

const ConfirmModal = lazy(() => import("../../shared/ConfirmModal"));
const RedirectModal = lazy(() => import("./RedirectModal"));

interface Props {
  dispatch: Dispatch;
  compact?: boolean;
  /** It goes elsewhere now: by this dispatch. */
  onRedirected?: (id: string) => void;
}

/** What may be done with a series on its way to a target. */
export function DispatchActions({ dispatch, compact, onRedirected }: Props) {
  const client = useQueryClient();
  const [asking, setAsking] = useState<"cancel" | "again" | "redirect" | null>(null);
  const changed = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: imageKeys.dispatches }),
      client.invalidateQueries({ queryKey: imageKeys.cases }),
    ]);
  const retry = useMutation({
    mutationFn: () => retryDispatch(dispatch.id, false),
    onSettled: changed,
  });
  const mayNot = useMayOperate();
  const button = { size: compact ? "xs" : "sm", variant: "default", ...guarded(mayNot) } as const;
  const close = () => setAsking(null);
  return (
    <>
      <div className={page.buttons}>
        {mayRetry(dispatch) && (
          <Button
            {...button}
            leftSection={<IconRefresh size={16} />}
            loading={retry.isPending}
            onClick={() => retry.mutate()}
          >
            {t("Send now")}
          </Button>
        )}
        {mayRedirect(dispatch) && (
          <Button
            {...button}
            leftSection={<IconArrowsExchange size={16} />}
            onClick={() => setAsking("redirect")}
          >
            {t("Change target")}
          </Button>
        )}
        {dispatch.status === "sent" && (
          <Button
            {...button}
            leftSection={<IconSend size={16} />}
            onClick={() => setAsking("again")}
          >
            {t("Send all again")}
          </Button>
        )}
        {!isEnded(dispatch) && (
          <Button
            {...button}
            leftSection={<IconBan size={16} />}
            onClick={() => setAsking("cancel")}
          >
            {t("Cancel sending")}
          </Button>
        )}
      </div>
      <ErrorLine error={retry.error} />
      <Suspense>
        {asking === "redirect" && (
          <RedirectModal dispatch={dispatch} onClose={close} onDone={(id) => onRedirected?.(id)} />
        )}
        {asking === "cancel" && (
          <ConfirmModal
            title={t("Cancel sending to {target}", { target: dispatch.target })}
            action={t("Cancel sending")}
            run={() => cancelDispatch(dispatch.id).finally(changed)}
            onClose={close}
          >
            <p>
              {t(
                "What was sent stays there: {sent} of {images}. The rest is not sent. All of it stays in the archive. A case that waits for this has failed then.",
                {
                  sent: dispatch.sent,
                  images: plural(dispatch.instances, "{n} image", "{n} images"),
                },
              )}
            </p>
          </ConfirmModal>
        )}
        {asking === "again" && (
          <ConfirmModal
            title={t("Send all again to {target}", { target: dispatch.target })}
            action={t("Send all again")}
            run={() => retryDispatch(dispatch.id, true).finally(changed)}
            onClose={close}
          >
            <p>
              {t(
                "All of it is sent once more, {images}, though it is there: for a target that has lost it.",
                { images: plural(dispatch.instances, "{n} image", "{n} images") },
              )}
            </p>
          </ConfirmModal>
        )}
      </Suspense>
    </>
  );
}
