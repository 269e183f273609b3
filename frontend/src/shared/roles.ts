import { sessionStore } from "../api/session";
import { t } from "../i18n";
import { useStore } from "./store";

/** What the interface offers to whom; the server has the last word. */
/** Whose work it is, in a sentence. */
export const ROLE_WORDS: Record<string, string> = {
  admin: t("admin"),
  medical: t("medical"),
  scientist: t("scientist"),
  engineer: t("engineer"),
};
const TECHNICAL = ["admin", "engineer"];

/** Null when the user may change devices, else why not. */
export const useMayChangeDevices = (): string | null =>
  useUnless(TECHNICAL, t("Changed by administrators and engineers only."));

/** Null when the user may take in what was kept aside, else why not. */
export const useMayRecover = (): string | null =>
  useUnless(TECHNICAL, t("Taken in by administrators and engineers only."));

/** Null when the user may try out rules and targets, else why not. */
export const useMayTryOut = (): string | null =>
  useUnless(TECHNICAL, t("Tried out by administrators and engineers only."));

/** Null when the user may change rules and targets, else why not. */
export const useMayAdminister = (): string | null =>
  useUnless(["admin"], t("Changed by administrators only."));

/** Null when the user may plan protocols and bring sequences, else why not. */
export const useMayPlan = (): string | null =>
  useUnless([...TECHNICAL, "medical", "scientist"], t("Not for your role."));

/** Null when the user may release and retire protocols, else why not. */
export const useMayRelease = (): string | null =>
  useUnless(
    ["admin", "medical", "scientist"],
    t("Released by administrators, medical staff and scientists only."),
  );

/** Null when the user may look after users, settings and the audit log, else why not. */
export const useMayManage = (): string | null =>
  useUnless(["admin"], t("For administrators only."));

/** Null when the user may remove images for good, else why not. */
export const useMayRemove = (): string | null =>
  useUnless(["admin"], t("Removed by administrators only."));

/** Null when the user may pause, resume and retry, else why not. */
export const useMayOperate = (): string | null =>
  useUnless([...TECHNICAL, "medical", "scientist"], t("Not for your role."));

/** Null when the user may decide about what a rule wants reviewed by a role, else why not. */
export const useMayReview = (role: string): string | null =>
  useUnless(
    ["admin", role],
    t("Decided by somebody whose role is {role}, or an administrator.", {
      role: ROLE_WORDS[role] ?? role,
    }),
  );

/** Of a control: that it cannot be used, and why not. */
export const guarded = (mayNot: string | null) => ({
  disabled: mayNot !== null,
  title: mayNot ?? undefined,
});

function useUnless(roles: string[], why: string): string | null {
  const { user } = useStore(sessionStore);
  return user && roles.includes(user.role) ? null : why;
}
