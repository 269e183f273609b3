import { expect, test } from "vitest";

import { lastLines, LogText } from "./log";

const bytes = (text: string) => new TextEncoder().encode(text);

test("parts follow one another, also through a letter of two bytes", () => {
  const whole = bytes("Größe\nfertig\n");
  const log = new LogText();
  log.add(0, whole.slice(0, 3), 3);
  expect(log.next).toBe(3);
  log.add(3, whole.slice(3), whole.length);
  expect(log.text).toBe("Größe\nfertig\n");
});

test("a log that was begun anew is read from its beginning", () => {
  const log = new LogText();
  log.add(0, bytes("before the crash\n"), 17);
  log.add(17, bytes(""), 4);
  expect(log.next).toBe(0);
  log.add(0, bytes("new\n"), 4);
  expect(log.text).toBe("new\n");
});

test("where the middle is dropped, nothing is where it was: all is read anew", () => {
  const log = new LogText();
  const text = "head\n\n[... 512 bytes are not kept ...]\ntail\n";
  log.add(0, bytes(text), text.length);
  expect(log.next).toBe(0);
});

test("lines have their time beside them, and the last ones are shown", () => {
  const text = "2026-11-22T19:20:26.123Z one\n2026-11-22T19:20:27.000Z two\nbare\n";
  expect(lastLines(text, 2)).toEqual({
    left: 1,
    lines: [
      { time: "2026-11-22T19:20:27.000Z", text: "two" },
      { time: null, text: "bare" },
    ],
  });
  expect(lastLines("", 2)).toEqual({ left: 0, lines: [] });
});

test("of a bar that draws itself anew the last state stands, without its colours", () => {
  expect(lastLines("\u001b[32m 10 %\r 90 %\u001b[0m\r\n", 5).lines[0]?.text).toBe(" 90 %");
});
