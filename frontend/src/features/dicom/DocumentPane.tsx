import { Button, Select } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { t } from "../../i18n";
import { dicomDate, dicomTime } from "../../shared/dicomText";
import { saveFile } from "../../shared/saveFile";
import { QueryView } from "../../shared/states";
import PdfViewer from "../files/PdfViewer";
import css from "./dicom.module.css";
import { type DicomDocument, readDocument } from "./documents";
import type { Whose } from "./identity";
import { Mismatch } from "./Mismatch";
import type { ImageSource } from "./sources";

interface Props {
  documents: ImageSource[];
  whose: Whose;
  /** What the series is called, for a document without a title. */
  title: string;
  layouts: ReactNode;
}

/** Documents of a series, such as reports, one at a time. */
export default function DocumentPane({ documents, whose, title, layouts }: Props) {
  const [at, setAt] = useState(0);
  const source = documents[at] ?? documents[0]!;
  const read = useQuery({
    queryKey: ["document", source.url],
    queryFn: ({ signal }) => readDocument(source, signal),
    retry: false,
    staleTime: Infinity,
    gcTime: 0,
  });
  return (
    <div className={css.documentPane} id="viewer" tabIndex={-1} data-testid="document">
      <div className={css.bar}>
        {layouts}
        {documents.length > 1 && (
          <Select
            aria-label={t("Document")}
            size="xs"
            className={css.compare}
            allowDeselect={false}
            value={String(at)}
            onChange={(next) => setAt(Number(next))}
            data={documents.map((_, number) => ({
              value: String(number),
              label: t("Document {number}", { number: number + 1 }),
            }))}
          />
        )}
        {read.data && whose.match(read.data.identity).ok && (
          <Title found={read.data} title={title} />
        )}
      </div>
      <div className={css.document}>
        <QueryView query={read} rows={6} safe={t("The file is stored; only showing it failed.")}>
          {({ identity, pdf, title: own }) => {
            const match = whose.match(identity);
            return match.ok ? (
              <PdfViewer file={pdf} name={own || title} />
            ) : (
              <Mismatch identity={identity} whose={whose} because={match.because} />
            );
          }}
        </QueryView>
      </div>
    </div>
  );
}

/** What it is, and a way to keep it. */
function Title({ found, title }: { found: DicomDocument; title: string }) {
  const name = found.title || title;
  const when = `${dicomDate(found.date)} ${dicomTime(found.time)}`.trim();
  return (
    <>
      <span className={css.documentTitle} title={name}>
        <strong>{name}</strong>
        <span>{[found.concept, when].filter(Boolean).join(" · ")}</span>
      </span>
      <Button
        size="xs"
        variant="subtle"
        leftSection={<IconDownload size={16} />}
        onClick={() => saveFile(found.pdf, `${name.replace(/[\\/:*?"<>|]/g, "_")}.pdf`)}
      >
        {t("Download")}
      </Button>
    </>
  );
}
