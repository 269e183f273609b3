import { Anchor } from "@mantine/core";
import { IconDownload, IconEye } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";

import { t } from "../../i18n";
import css from "./fileLink.module.css";
import { fileKind } from "./kinds";

const FileModal = lazy(() => import("./FileModal"));

/** A file to download, and to look at where this page can show its kind. */
export function FileLink({ url, name, title }: { url: string; name: string; title?: string }) {
  const [open, setOpen] = useState(false);
  const kind = fileKind(name);
  return (
    <span className={css.file}>
      <Anchor size="sm" href={url} download={name.split("/").at(-1)} title={title}>
        <IconDownload size={16} aria-hidden /> {name}
      </Anchor>
      {kind && (
        <button
          type="button"
          className={css.look}
          aria-label={t("Look at {name}", { name })}
          onClick={() => setOpen(true)}
        >
          <IconEye size={16} aria-hidden /> {t("Look at it")}
        </button>
      )}
      {open && kind && (
        <Suspense>
          <FileModal kind={kind} url={url} name={name} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </span>
  );
}
