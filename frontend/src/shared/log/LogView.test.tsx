import { act, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";

import { renderScreen } from "../../testing/render";
import { LogView } from "./LogView";

afterEach(() => vi.useRealTimers());

test("a live log is read on from where it ended", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const parts = ["first\n", "second\n"];
  const asked: number[] = [];
  const read = (offset: number) => {
    asked.push(offset);
    const bytes = new TextEncoder().encode(parts.shift() ?? "");
    return Promise.resolve({ bytes, size: offset + bytes.length });
  };
  renderScreen(<LogView of="smooth" live read={read} url="/log" />);
  const log = screen.getByRole("log", { name: "Log of smooth" });
  await waitFor(() => expect(log).toHaveTextContent("first"));
  await act(() => vi.advanceTimersByTimeAsync(1000));
  await waitFor(() => expect(log).toHaveTextContent("second"));
  expect(asked.slice(0, 2)).toEqual([0, 6]);
  expect(screen.getByRole("status")).toHaveTextContent("Live");
});

test("a log that cannot be read says why, and keeps what was read", async () => {
  const read = () => Promise.reject(new Error("It was removed."));
  renderScreen(<LogView of="smooth" live={false} read={read} url="/log" />);
  expect(await screen.findByRole("alert")).toHaveTextContent("It was removed.");
  expect(screen.getByRole("link", { name: "Download" })).toHaveAttribute("href", "/log");
});
