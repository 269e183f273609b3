import "@mantine/spotlight/styles.css";

import { createSpotlight, Spotlight, type SpotlightActionData } from "@mantine/spotlight";
import {
  IconArchive,
  IconBell,
  IconBook,
  IconCpu,
  IconDatabase,
  IconDeviceDesktop,
  IconDownload,
  IconFlag,
  IconHeartbeat,
  IconHistory,
  IconListDetails,
  IconPlayerPlay,
  IconRoute,
  IconScan,
  IconSearch,
  IconSend,
  IconServerCog,
  IconSettings,
  IconShieldCheck,
  IconStack2,
  IconStackFront,
  IconTestPipe,
  IconTrash,
  IconUpload,
  IconUser,
  IconUserCog,
  IconUsers,
  IconWaveSine,
  type TablerIcon,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type NavigateOptions, useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";

import { queries } from "../../api/queries";
import { patientNumber, personName } from "../../shared/format";
import { fold } from "../worklist/worklist";

const [store, spotlight] = createSpotlight();

/** Where it is, what it is called, and other words for it. */
const PAGES: [NonNullable<NavigateOptions["to"]>, string, TablerIcon, string[]?][] = [
  ["/", "Worklist", IconListDetails],
  ["/patients", "Patients", IconUsers],
  ["/devices", "Devices", IconScan],
  ["/protocols", "Protocols", IconBook, ["library", "templates", "versions"]],
  ["/sequences", "Sequences", IconWaveSine, ["library", "pulseq", "seq"]],
  ["/welcome", "Get started", IconFlag, ["setup", "first scan", "simulated scanner", "example"]],
  ["/cases", "Cases", IconStackFront],
  ["/queue", "Queue", IconSend],
  ["/archive", "Archive", IconArchive, ["studies"]],
  ["/upload", "Upload", IconUpload, ["import", "data sets", "folder"]],
  ["/retrieve", "Fetch", IconDownload, ["query", "retrieve", "accession"]],
  ["/commitments", "Commitments", IconShieldCheck, ["storage commitment", "kept"]],
  ["/rules", "Rules", IconRoute],
  ["/targets", "Targets", IconSend],
  ["/modules", "Modules", IconCpu, ["processing", "containers"]],
  ["/notifications", "Notifications", IconBell],
  ["/health", "Health", IconHeartbeat],
  ["/processing", "Processing", IconServerCog, ["queues", "workers"]],
  ["/runs", "Runs", IconPlayerPlay, ["jobs", "reconstructions"]],
  ["/selftest", "Self-test", IconTestPipe],
  ["/users", "Users", IconUserCog, ["roles", "passwords", "administration"]],
  ["/sessions", "Logins", IconDeviceDesktop, ["sessions", "administration"]],
  ["/audit", "Audit log", IconHistory, ["who did what", "record", "administration"]],
  ["/changes", "Configuration changes", IconHistory, ["revert", "versions", "history"]],
  ["/settings", "Settings", IconSettings, ["environment", "administration"]],
  ["/backups", "Backups", IconDatabase, ["restore", "back up now"]],
  ["/account", "Your account", IconUser, ["password", "theme", "profile"]],
  ["/cleaning", "Cleaning", IconTrash, ["holds", "held studies", "retention", "disk"]],
];

/** Ctrl+K: pages, exams and patients by name. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  useEffect(() => spotlight.open(), []);
  const worklist = useQuery(queries.worklist).data ?? [];
  const patients = useQuery(queries.patients).data ?? [];
  const pages: SpotlightActionData[] = PAGES.map(([to, label, Icon, keywords]) => ({
    id: to,
    label,
    keywords,
    leftSection: <Icon size={18} />,
    onClick: () => void navigate({ to }),
  }));
  const exams: SpotlightActionData[] = worklist.map(({ exam, patient }) => ({
    id: exam.id,
    label: `${personName(patient)}: ${exam.name}`,
    description: exam.indication ?? undefined,
    keywords: [patient.id, patientNumber(patient), patient.birth_date, fold(personName(patient))],
    leftSection: <IconStack2 size={18} />,
    onClick: () => void navigate({ to: "/exams/$examId", params: { examId: exam.id } }),
  }));
  const people: SpotlightActionData[] = patients.map((patient) => ({
    id: patient.id,
    label: personName(patient),
    description: `${patientNumber(patient)}, born ${patient.birth_date}`,
    keywords: [patient.id, patientNumber(patient), fold(personName(patient))],
    leftSection: <IconUser size={18} />,
    onClick: () => void navigate({ to: "/patients", search: { id: patient.id } }),
  }));
  return (
    <Spotlight
      store={store}
      onSpotlightClose={onClose}
      shortcut={null}
      centered={false}
      limit={12}
      highlightQuery
      scrollable
      maxHeight={420}
      nothingFound="Nothing found"
      searchProps={{
        placeholder: "Page, exam or patient",
        "aria-label": "Page, exam or patient",
        leftSection: <IconSearch size={18} />,
      }}
      // Blur would reach under the patient banner; the dimmed page says enough.
      overlayProps={{ blur: 0, backgroundOpacity: 0.55 }}
      transitionProps={{ duration: 80 }}
      attributes={{ content: { "aria-label": "Go to" } }}
      classNames={{ overlay: "overlay-area", inner: "overlay-area", content: "dialog" }}
      actions={[
        { group: "Pages", actions: pages },
        { group: "Exams", actions: exams },
        { group: "Patients", actions: people },
      ]}
    />
  );
}
