import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";

import { sessionStore } from "../../api/session";
import { stream } from "../../app";
import { useShortcuts } from "../../shared/shortcuts";
import { useStore } from "../../shared/store";
import { useLatest } from "../../shared/useLatest";
import { NavRail } from "./NavRail";
import { useOpenExam } from "./openExam";
import css from "./shell.module.css";
import { StaleBar } from "./StaleBar";

const ExamFrame = lazy(() => import("./ExamFrame"));
const Palette = lazy(() => import("./Palette"));
const HelpSheet = lazy(() => import("./HelpSheet"));
const PasswordModal = lazy(() => import("../session/PasswordModal"));
const NewPasswordPage = lazy(() => import("../session/NewPasswordPage"));

export function AppShell() {
  const { user } = useStore(sessionStore);
  useReturnToLogin();
  if (user?.must_change_password) {
    return (
      <Suspense>
        <NewPasswordPage username={user.username} />
      </Suspense>
    );
  }
  return <Shell />;
}

function Shell() {
  const exam = useOpenExam();
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const [password, setPassword] = useState(false);
  useLiveStream();
  useShortcuts({ "?": () => setHelp(true) });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setPalette((open) => !open);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  return (
    <div className={css.shell} data-exam-open={exam !== null || undefined}>
      <StaleBar />
      <NavRail
        onPalette={() => setPalette(true)}
        onHelp={() => setHelp(true)}
        onPassword={() => setPassword(true)}
      />
      <main className={css.main}>
        <Outlet />
      </main>
      <Suspense>
        {exam && <ExamFrame key={exam.examId} open={exam} />}
        {palette && <Palette onClose={() => setPalette(false)} />}
        {help && <HelpSheet onClose={() => setHelp(false)} />}
        {password && <PasswordModal onClose={() => setPassword(false)} />}
      </Suspense>
    </div>
  );
}

function useLiveStream(): void {
  useEffect(() => {
    stream.open();
    return () => stream.close();
  }, []);
}

function useReturnToLogin(): void {
  const { token } = useStore(sessionStore);
  const navigate = useNavigate();
  const href = useRouterState({ select: (state) => state.location.href });
  const wanted = useLatest(href);
  useEffect(() => {
    if (token) return;
    // Whoever logged out on purpose starts afresh; whoever was thrown out comes back here.
    const next = sessionStore.get().goesOn ? wanted.current : undefined;
    void navigate({ to: "/login", search: { next } });
  }, [token, wanted, navigate]);
}
