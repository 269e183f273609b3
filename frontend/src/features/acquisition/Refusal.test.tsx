import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";

import { problemFrom } from "../../api/problem";
import { toConfirm, verdictOf } from "../../api/safety";
import { sessionStore } from "../../api/session";
import { aTask } from "../../testing/builders";
import { renderScreen } from "../../testing/render";
import { Refusal } from "./Refusal";

const SAR = "The whole-body SAR, averaged over 6 min, is 2.85 W/kg in a patient of 60 kg.";
const GRADIENT = "The largest gradient along x is 27.96 mT/m; the device takes at most 25 mT/m.";
const NOTE = "Not checked, because the device does not tell them: max_duration.";
const FINGERPRINT = "0a".repeat(32);

function refused(outcome: "confirm" | "refuse") {
  const [code, text] =
    outcome === "confirm" ? ["sar-first-level", SAR] : ["max-gradient", GRADIENT];
  return problemFrom(
    outcome === "confirm" ? 409 : 422,
    {
      detail: text,
      reasons: [text],
      safety: {
        outcome,
        fingerprint: FINGERPRINT,
        reasons: [
          { code, severity: outcome, text },
          { code: "limits-not-told", severity: "note", text: NOTE },
        ],
      },
    },
    null,
  );
}

function show(refusal: unknown) {
  const start = vi.fn(async () => {});
  renderScreen(<Refusal task={aTask()} refusal={refusal} start={start} dismiss={() => {}} />);
  return start;
}

beforeEach(() => {
  sessionStore.begin({
    username: "ada",
    first_name: "Ada",
    last_name: "Lovelace",
    role: "medical",
    access_token: "t",
    token_type: "bearer",
    must_change_password: false,
  });
});

test("what nobody may overrule is told, and there is nothing to confirm", () => {
  show(refused("refuse"));
  expect(screen.getByRole("alert")).toHaveTextContent(GRADIENT);
  expect(screen.getByText(NOTE)).toBeInTheDocument();
  expect(screen.queryByRole("button", { name: "Confirm and start" })).toBeNull();
});

test("a First Level scan starts with the name of who confirms it and a reason", async () => {
  const start = show(refused("confirm"));
  await userEvent.click(screen.getByRole("button", { name: "Confirm and start" }));
  const dialog = await screen.findByRole("dialog", { name: /First Level/ });
  expect(dialog).toHaveTextContent(SAR);
  expect(dialog).toHaveTextContent("Ada Lovelace (ada)");
  await userEvent.type(screen.getByLabelText("Why the scan is needed"), "  contrast  {Tab}");
  const buttons = screen.getAllByRole("button", { name: "Confirm and start" });
  await userEvent.click(buttons.at(-1)!);
  expect(start).toHaveBeenCalledExactlyOnceWith({ fingerprint: FINGERPRINT, reason: "contrast" });
});

test("without a reason nothing is started and the field says so", async () => {
  const start = show(refused("confirm"));
  await userEvent.click(screen.getByRole("button", { name: "Confirm and start" }));
  await screen.findByRole("dialog");
  await userEvent.click(screen.getAllByRole("button", { name: "Confirm and start" }).at(-1)!);
  expect(await screen.findByText("A reason is needed")).toBeVisible();
  expect(start).not.toHaveBeenCalled();
});

test("a refusal without a verdict shows its words", () => {
  show(problemFrom(503, { detail: "device-manager cannot be reached." }, null));
  expect(screen.getByRole("alert")).toHaveTextContent("device-manager cannot be reached.");
  expect(verdictOf(problemFrom(409, { safety: "odd" }, null))).toBeNull();
  expect(toConfirm(null)).toEqual([]);
});
