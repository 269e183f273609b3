import { Button } from "@mantine/core";
import { IconCircleCheckFilled, IconCircleDashed, IconUserPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useState } from "react";

import { libraryQueries } from "../../api/library";
import { queries } from "../../api/queries";
import type { Patient, WorklistItem } from "../../api/types";
import { plural, t } from "../../i18n";
import { rich } from "../../i18n/rich";
import { personName } from "../../shared/format";
import page from "../../shared/page.module.css";
import { type Asked, QueryView } from "../../shared/states";
import { ProtocolStep } from "./ProtocolStep";
import { ScannerStep } from "./ScannerStep";
import { doneSteps, type Known, nextStep, openExam, STEPS, type Step } from "./steps";
import css from "./welcome.module.css";

const PatientModal = lazy(() => import("../patients/PatientModal"));
const StartExamModal = lazy(() => import("../patients/StartExamModal"));

interface Props {
  /** The step that somebody looks at; null: the next one to do. */
  opened: Step | null;
  onOpen: (step: Step | null) => void;
}

/** From an empty installation to the first image, step by step. */
export function WelcomePage(props: Props) {
  const devices = useQuery(queries.devices);
  const protocols = useInfiniteQuery(libraryQueries.protocols("", null));
  const patients = useQuery(queries.patients);
  const worklist = useQuery(queries.worklist);
  const all = allOf({ devices, protocols, patients, worklist });
  return (
    <div className={`${page.page} ${css.page}`}>
      <QueryView query={all} rows={8} safe={t("Nothing was changed: this page only looks.")}>
        {(known) => <Steps {...known} {...props} />}
      </QueryView>
    </div>
  );
}

/** Several questions as one: an answer when all have come, an error when one has. */
function allOf(asked: { [Name in keyof Known]: Asked<Known[Name]> }): Asked<Known> {
  const { devices, protocols, patients, worklist } = asked;
  const each = Object.values(asked) as Asked<unknown>[];
  const failed = each.find(({ isError }) => isError);
  const complete =
    devices.data && protocols.data && patients.data && worklist.data
      ? {
          devices: devices.data,
          protocols: protocols.data,
          patients: patients.data,
          worklist: worklist.data,
        }
      : undefined;
  return {
    data: complete,
    isError: failed !== undefined,
    error: failed?.error,
    refetch: () => Promise.all(each.map(({ refetch }) => refetch())),
  };
}

const TITLES: Record<Step, string> = {
  scanner: t("Connect a scanner"),
  protocol: t("Choose what to scan"),
  patient: t("Register a patient"),
  scan: t("Make the first scan"),
};

function Steps({ opened, onOpen, ...known }: Known & Props) {
  const done = doneSteps(known);
  const next = nextStep(done);
  const shown = opened ?? next;
  const bodies: Record<Step, ReactNode> = {
    scanner: <ScannerStep devices={known.devices} />,
    protocol: <ProtocolStep devices={known.devices} />,
    patient: <PatientStep patients={known.patients} />,
    scan: <ScanStep {...known} ready={done.patient && done.protocol} />,
  };
  return (
    <>
      <header className={css.head}>
        <h1>{next === null ? t("Everything is set up") : t("Get started")}</h1>
        <p className="dim">
          {next === null
            ? t("The first scan is made. From here on, the worklist is where a day begins.")
            : t(
                "Four steps from an empty installation to the first image. A few minutes, no guide needed.",
              )}
        </p>
      </header>
      <ol className={css.steps} aria-label={t("Steps")}>
        {STEPS.map((step, at) => (
          <li key={step} className={css.step} data-open={shown === step || undefined}>
            <button
              type="button"
              className={css.stepHead}
              aria-expanded={shown === step}
              onClick={() => onOpen(step === shown ? null : step)}
            >
              {done[step] ? (
                <IconCircleCheckFilled size={20} color="var(--status-done)" aria-hidden />
              ) : (
                <IconCircleDashed size={20} color="var(--ink-faint)" aria-hidden />
              )}
              <h2>
                {at + 1}. {TITLES[step]}
              </h2>
              <span className={css.stepState}>
                {done[step] ? t("Done") : step === next ? t("Next") : ""}
              </span>
            </button>
            {shown === step && <div className={css.stepBody}>{bodies[step]}</div>}
          </li>
        ))}
      </ol>
      {next === null && (
        <div className={css.end}>
          <Link to="/">{t("To the worklist")}</Link>
          <Link to="/protocols">{t("To the library")}</Link>
          <Link to="/targets">{t("Send images to an archive")}</Link>
          <Link to="/users">{t("Add colleagues")}</Link>
        </div>
      )}
    </>
  );
}

function PatientStep({ patients }: { patients: Patient[] }) {
  const [registering, setRegistering] = useState(false);
  return (
    <>
      <p>
        {t(
          "For a try, make somebody up: a name, a birth date, weight and height. Weight and height decide how much radio frequency power a scan may use, so a scan does not start without them.",
        )}
      </p>
      {patients.length > 0 && (
        <p className="dim">
          {plural(patients.length, "One patient is registered.", "{n} patients are registered.")}
        </p>
      )}
      <div className={page.buttons}>
        <Button
          variant={patients.length > 0 ? "default" : "filled"}
          leftSection={<IconUserPlus size={16} />}
          onClick={() => setRegistering(true)}
        >
          {t("Register patient")}
        </Button>
      </div>
      <Suspense>
        {registering && <PatientModal patient={null} onClose={() => setRegistering(false)} />}
      </Suspense>
    </>
  );
}

function ScanStep({ patients, worklist, ready }: Known & { ready: boolean }) {
  const navigate = useNavigate();
  const [planFor, setPlanFor] = useState<Patient | null>(null);
  const exam: WorklistItem | null = openExam(worklist);
  const newest = patients.toSorted((a, b) =>
    b.datetime_created.localeCompare(a.datetime_created),
  )[0];
  if (!ready || !newest) {
    return <p className="dim">{t("A protocol and a patient come first.")}</p>;
  }
  return (
    <>
      <p>
        {rich(
          "An exam is a copy of a protocol for one patient. It asks how the patient lies; of a phantom say head first, supine. In it, choose the first task of the queue and press <strong>Start scan</strong>; the reconstruction begins by itself, and its image appears in the middle.",
          { strong: <strong /> },
        )}
      </p>
      <div className={page.buttons}>
        {exam && (
          <Button
            onClick={() =>
              void navigate({ to: "/exams/$examId", params: { examId: exam.exam.id } })
            }
          >
            {t("Open {exam} of {patient}", {
              exam: exam.exam.name,
              patient: personName(exam.patient),
            })}
          </Button>
        )}
        <Button variant={exam ? "default" : "filled"} onClick={() => setPlanFor(newest)}>
          {t("Start an exam for {newest}", { newest: personName(newest) })}
        </Button>
      </div>
      <Suspense>
        {planFor && <StartExamModal patient={planFor} onClose={() => setPlanFor(null)} />}
      </Suspense>
    </>
  );
}
