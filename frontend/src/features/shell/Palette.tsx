import "@mantine/spotlight/styles.css";

import { useDebouncedValue } from "@mantine/hooks";
import {
  createSpotlight,
  Spotlight,
  type SpotlightActionData,
  type SpotlightActionGroupData,
} from "@mantine/spotlight";
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
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type NavigateOptions, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { imageQueries } from "../../api/imageQueries";
import { libraryQueries } from "../../api/library";
import { queries } from "../../api/queries";
import { worklistPages } from "../../api/worklist";
import { said, t } from "../../i18n";
import { patientNumber, personName, plainReason } from "../../shared/format";
import { patientWords } from "../../shared/dicomText";
import { subjectWords } from "../cases/looks";
import { containsWords, scheduledDay } from "../worklist/worklist";

const [store, spotlight] = createSpotlight();

/** Where it is, what it is called, and other words for it. */
const PAGES: [NonNullable<NavigateOptions["to"]>, string, TablerIcon, string[]?][] = [
  ["/", t("Worklist"), IconListDetails],
  ["/patients", t("Patients"), IconUsers],
  ["/devices", t("Devices"), IconScan],
  ["/protocols", t("Protocols"), IconBook, ["library", "templates", "versions"]],
  ["/sequences", t("Sequences"), IconWaveSine, ["library", "pulseq", "seq"]],
  [
    "/welcome",
    t("Get started"),
    IconFlag,
    ["setup", t("first scan"), t("simulated scanner"), "example"],
  ],
  ["/cases", t("Cases"), IconStackFront],
  ["/queue", said("of what is sent", "Queue"), IconSend],
  ["/archive", t("Archive"), IconArchive, ["studies"]],
  ["/upload", t("Upload"), IconUpload, ["import", t("data sets"), "folder"]],
  ["/retrieve", t("Fetch"), IconDownload, ["query", "retrieve", "accession"]],
  ["/commitments", t("Commitments"), IconShieldCheck, [t("storage commitment"), "kept"]],
  ["/rules", t("Rules"), IconRoute],
  ["/targets", t("Targets"), IconSend],
  ["/modules", t("Modules"), IconCpu, ["processing", "containers"]],
  ["/notifications", t("Notifications"), IconBell],
  ["/health", t("Health"), IconHeartbeat],
  ["/processing", t("Processing"), IconServerCog, ["queues", "workers"]],
  ["/runs", t("Runs"), IconPlayerPlay, ["jobs", "reconstructions"]],
  ["/selftest", t("Self-test"), IconTestPipe],
  ["/users", t("Users"), IconUserCog, ["roles", "passwords", "administration"]],
  ["/sessions", t("Logins"), IconDeviceDesktop, ["sessions", "administration"]],
  ["/audit", t("Audit log"), IconHistory, [t("who did what"), "record", "administration"]],
  ["/changes", t("Configuration changes"), IconHistory, ["revert", "versions", "history"]],
  ["/settings", t("Settings"), IconSettings, ["environment", "administration"]],
  ["/backups", t("Backups"), IconDatabase, ["restore", t("back up now")]],
  ["/account", t("Your account"), IconUser, ["password", "theme", "profile"]],
  ["/cleaning", t("Cleaning"), IconTrash, ["holds", t("held studies"), "retention", "disk"]],
];

const MOST_PAGES = 12;
const MOST = 6;
const TYPED_OUT_MS = 150;

interface Entry extends SpotlightActionData {
  /** What it is found by besides its label and description. */
  words?: string[];
}

const matching = (entries: Entry[], query: string, most: number): SpotlightActionData[] =>
  entries
    .filter(({ label = "", description = "", words = [] }) =>
      containsWords([label, description, ...words], query),
    )
    .slice(0, most);

/** Ctrl+K: pages, and exams, patients, cases, protocols, sequences and devices by name. */
export default function Palette({ onClose }: { onClose: () => void }) {
  useEffect(() => spotlight.open(), []);
  const [query, setQuery] = useState("");
  const found = useFound(query);
  const ids = found.flatMap(({ actions }) => actions.map(({ id }) => id)).join(" ");
  useEffect(() => {
    // What the server has found may stand above what Enter would open: it is the first again,
    // unless somebody has chosen another one.
    if (ids && store.getState().selected <= 0) chooseFirst();
  }, [ids]);
  return (
    <Spotlight
      store={store}
      onSpotlightClose={onClose}
      query={query}
      onQueryChange={setQuery}
      shortcut={null}
      centered={false}
      // Chosen here, so that no kind of thing pushes out the others.
      filter={(_, actions) => actions}
      highlightQuery
      scrollable
      maxHeight={420}
      nothingFound={t("Nothing found")}
      searchProps={{
        placeholder: t("Page, exam, patient, case, protocol, sequence or device"),
        "aria-label": t("Page, exam, patient, case, protocol, sequence or device"),
        leftSection: <IconSearch size={18} />,
      }}
      // Blur would reach under the patient banner; the dimmed page says enough.
      overlayProps={{ blur: 0, backgroundOpacity: 0.55 }}
      transitionProps={{ duration: 80 }}
      attributes={{ content: { "aria-label": t("Go to") } }}
      classNames={{ overlay: "overlay-area", inner: "overlay-area", content: "dialog" }}
      actions={found}
    />
  );
}

/** As the kit does it when something is typed. */
function chooseFirst(): void {
  const { listId } = store.getState();
  const list = listId ? document.getElementById(listId) : null;
  list?.querySelector("[data-selected]")?.removeAttribute("data-selected");
  list?.querySelector("[data-action]")?.setAttribute("data-selected", "true");
  store.updateState((state) => ({ ...state, selected: 0 }));
}

function useFound(query: string): SpotlightActionGroupData[] {
  const navigate = useNavigate();
  const pages: Entry[] = PAGES.map(([to, label, Icon, words]) => ({
    id: to,
    label,
    words,
    leftSection: <Icon size={18} />,
    onClick: () => void navigate({ to }),
  }));
  const here = useHere();
  const there = useThere(query);
  const groups: SpotlightActionGroupData[] = [
    { group: t("Pages"), actions: matching(pages, query, MOST_PAGES) },
    ...there,
    ...here.map(({ group, actions }) => ({
      group,
      actions: query.trim() ? matching(actions, query, MOST) : [],
    })),
  ];
  return groups.filter(({ actions }) => actions.length > 0);
}

/** What the browser knows whole. */
function useHere(): { group: string; actions: Entry[] }[] {
  const navigate = useNavigate();
  const patients = useQuery(queries.patients).data ?? [];
  const sequences = useQuery(queries.sequences).data ?? [];
  const devices = useQuery(queries.devices).data ?? [];
  return [
    {
      group: t("Patients"),
      actions: patients.map((patient) => ({
        id: patient.id,
        label: personName(patient),
        description: t("{patient}, born {birthDate}", {
          patient: patientNumber(patient),
          birthDate: patient.birth_date,
        }),
        words: [patient.id],
        leftSection: <IconUser size={18} />,
        onClick: () => void navigate({ to: "/patients", search: { id: patient.id } }),
      })),
    },
    {
      group: t("Sequences"),
      actions: sequences.map((sequence) => ({
        id: sequence._id,
        label: sequence.name,
        description: sequence.description,
        words: sequence.tags ?? [],
        leftSection: <IconWaveSine size={18} />,
        onClick: () => void navigate({ to: "/sequences", search: { id: sequence._id } }),
      })),
    },
    {
      group: t("Devices"),
      actions: devices.map((device) => ({
        id: device.id,
        label: device.name,
        description: device.description,
        leftSection: <IconScan size={18} />,
        onClick: () => void navigate({ to: "/devices", search: { id: device.id } }),
      })),
    },
  ];
}

/** What the server looks for, among more than the browser knows. */
function useThere(query: string): SpotlightActionGroupData[] {
  const navigate = useNavigate();
  const [text] = useDebouncedValue(query.trim(), TYPED_OUT_MS);
  const enabled = text !== "" && query.trim() !== "";
  const anyDay = { day: null, search: text, state: null, deviceId: null };
  const exams = useInfiniteQuery({ ...worklistPages(anyDay), enabled });
  const cases = useInfiniteQuery({
    ...imageQueries.cases({ state: null, rule: null, text }),
    enabled,
  });
  const protocols = useInfiniteQuery({ ...libraryQueries.protocols(text, null), enabled });
  if (!enabled) return [];
  return [
    {
      group: t("Exams"),
      actions: (exams.data ?? []).slice(0, MOST).map(({ exam, patient }) => ({
        id: exam.id,
        label: `${personName(patient)}: ${exam.name}`,
        description: `${scheduledDay({ exam, patient })}${exam.indication ? `, ${exam.indication}` : ""}`,
        leftSection: <IconStack2 size={18} />,
        onClick: () => void navigate({ to: "/exams/$examId", params: { examId: exam.id } }),
      })),
    },
    {
      group: t("Cases"),
      actions: (cases.data ?? []).slice(0, MOST).map((one) => ({
        id: one.id,
        label: `${patientWords(one)}: ${subjectWords(one)}`,
        description: plainReason(one.reason),
        leftSection: <IconStackFront size={18} />,
        onClick: () => void navigate({ to: "/cases", search: { id: one.id } }),
      })),
    },
    {
      group: t("Protocols"),
      actions: (protocols.data ?? []).slice(0, MOST).map((protocol) => ({
        id: protocol.protocol_id,
        label: protocol.name,
        description: protocol.description,
        leftSection: <IconBook size={18} />,
        onClick: () => void navigate({ to: "/protocols", search: { id: protocol.newest.exam_id } }),
      })),
    },
  ];
}
