import { act, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";

import { tellLogGrown } from "../../api/logNews";
import { renderScreen } from "../../testing/render";
import { LogView } from "./LogView";

test("a live log is read on from where it ended, when it is told that there is more", async () => {
  const parts = ["first\n", "second\n"];
  const asked: number[] = [];
  const read = (offset: number) => {
    asked.push(offset);
    const bytes = new TextEncoder().encode(parts.shift() ?? "");
    return Promise.resolve({ bytes, size: offset + bytes.length });
  };
  renderScreen(<LogView of="smooth" run="run-1" step={2} live read={read} url="/log" />);
  const log = screen.getByRole("log", { name: "Log of smooth" });
  await waitFor(() => expect(log).toHaveTextContent("first"));
  expect(asked).toEqual([0]);
  await act(async () => tellLogGrown({ run_id: "run-1", step: 2, size: 13 }));
  await waitFor(() => expect(log).toHaveTextContent("second"));
  expect(asked).toEqual([0, 6]);
  expect(screen.getByRole("status")).toHaveTextContent("Live");
});

test("what comes while it is read is read after it", async () => {
  const waiting: ((text: string) => void)[] = [];
  const asked: number[] = [];
  const read = async (offset: number) => {
    asked.push(offset);
    const text = await new Promise<string>((resolve) => waiting.push(resolve));
    const bytes = new TextEncoder().encode(text);
    return { bytes, size: offset + bytes.length };
  };
  renderScreen(<LogView of="smooth" run="run-1" step={null} live read={read} url="/log" />);
  for (const size of [6, 13]) tellLogGrown({ run_id: "run-1", step: null, size });
  await act(async () => waiting.shift()?.("first\n"));
  await waitFor(() => expect(asked).toEqual([0, 6]));
  await act(async () => waiting.shift()?.("second\n"));
  expect(screen.getByRole("log")).toHaveTextContent("first second");
  expect(asked).toEqual([0, 6]);
});

test("a log that cannot be read says why, and keeps what was read", async () => {
  const read = () => Promise.reject(new Error("It was removed."));
  renderScreen(<LogView of="smooth" run="run-1" step={null} live={false} read={read} url="/log" />);
  expect(await screen.findByRole("alert")).toHaveTextContent("It was removed.");
  expect(screen.getByRole("link", { name: "Download" })).toHaveAttribute("href", "/log");
});
