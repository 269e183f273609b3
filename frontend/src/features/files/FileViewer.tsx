import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";

import { fetchFile } from "../../api/files";
import { t } from "../../i18n";
import { Loading, QueryView } from "../../shared/states";
import css from "./files.module.css";
import type { FileKind } from "./kinds";
import { readNifti, unpacked } from "./nifti";

const NiftiViewer = lazy(() => import("./NiftiViewer"));
const PdfViewer = lazy(() => import("./PdfViewer"));

interface Props {
  kind: FileKind;
  name: string;
  /** Where its bytes are. */
  url: string;
}

/** A file that some job left, looked at in the page. */
export default function FileViewer({ kind, name, url }: Props) {
  const file = useQuery({
    queryKey: ["file", url],
    queryFn: async ({ signal }) => {
      const bytes = await fetchFile(url, signal);
      return kind === "nifti"
        ? { bytes, nifti: readNifti(await unpacked(bytes)) }
        : { bytes, nifti: null };
    },
    retry: false,
    staleTime: Infinity,
    // Volumes are large: nothing of one is kept for later.
    gcTime: 0,
  });
  return (
    <div className={css.viewer}>
      <QueryView query={file} rows={6} safe={t("The file is stored; only showing it failed.")}>
        {({ bytes, nifti }) => (
          <Suspense fallback={<Loading label={t("Loading the viewer")} rows={1} />}>
            {nifti ? <NiftiViewer nifti={nifti} /> : <PdfViewer file={bytes} name={name} />}
          </Suspense>
        )}
      </QueryView>
    </div>
  );
}
