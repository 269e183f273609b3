import { useEffect, useState } from "react";

import { t } from "../../i18n";
import { ErrorState } from "../../shared/states";
import css from "./files.module.css";

/**
 * A report, as the browser's own reader shows one, which runs nothing of it in this page. The
 * attribute `sandbox` would shut that reader out too: Chromium shows no PDF in such a frame.
 */
export default function PdfViewer({ file, name }: { file: Blob; name: string }) {
  const [shown, setShown] = useState<{ url: string } | { failed: true } | null>(null);
  useEffect(() => {
    let url: string | null = null;
    let over = false;
    void isPdf(file).then((ok) => {
      if (over) return;
      // Whatever the server called it: as anything else it might run in the page.
      url = ok ? URL.createObjectURL(new Blob([file], { type: "application/pdf" })) : null;
      setShown(url ? { url } : { failed: true });
    });
    return () => {
      over = true;
      if (url) URL.revokeObjectURL(url);
    };
  }, [file]);
  if (shown === null) return null;
  if ("failed" in shown) {
    return (
      <ErrorState
        error={new Error(t("This is no PDF document: it does not begin with the mark of one."))}
        safe={t("The file is stored, and can be downloaded.")}
      />
    );
  }
  // oxlint-disable-next-line react/iframe-missing-sandbox -- no browser's reader runs in a sandbox; the blob is a PDF and nothing else
  return <iframe className={css.pdf} title={name} src={shown.url} />;
}

/** PDF 1.7 (ISO 32000-1), annex H.3.4.1: the mark is within the first 1024 bytes. */
async function isPdf(file: Blob): Promise<boolean> {
  return (await file.slice(0, 1024).text()).includes("%PDF-");
}
