// Walks through the pages with the fixture server and takes screenshots into dev/shots, in dark and
// light, and runs axe on each: violations, and incomplete colour contrast.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const BASE = process.env.BASE ?? "http://127.0.0.1:8123";
const SHOTS = fileURLToPath(new URL("./shots/", import.meta.url));
const axeSource = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);
mkdirSync(SHOTS, { recursive: true });

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --enable-unsafe-swiftshader".split(
    " ",
  ),
});
let bad = 0;

/**
 * Not open questions: an empty field, a one-letter preset that a message covers, and the message
 * above the strip, whose ground is opaque (ink on fault-tint is above 13:1).
 */
const isOpen = ({ any, target }) => {
  const message = any[0]?.message ?? "";
  if (/has no value|too short/.test(message)) return false;
  return !(/overlaps other elements/.test(message) && /notice|reasons/.test(target.join(" ")));
};

async function look(page, name) {
  await page.screenshot({ path: `${SHOTS}${name}.png` });
  await page.evaluate(axeSource);
  // Text over an image has no background that axe could know; it is shadowed and looked at.
  const found = await page.evaluate(() =>
    globalThis.axe.run(
      { exclude: [["[data-testid=viewer-overlay]"]] },
      { resultTypes: ["violations", "incomplete"] },
    ),
  );
  const issues = [
    ...found.violations,
    ...found.incomplete
      .filter(({ id }) => id === "color-contrast")
      .map((issue) => ({ ...issue, nodes: issue.nodes.filter(isOpen) }))
      .filter(({ nodes }) => nodes.length > 0),
  ];
  for (const issue of issues) {
    bad += 1;
    console.log(`${name}: ${issue.id} (${issue.impact}) ${issue.help}`);
    for (const node of issue.nodes.slice(0, 4)) {
      console.log(
        `    ${node.target.join(" ")}  ${node.any[0]?.message ?? node.failureSummary ?? ""}`,
      );
    }
  }
  console.log(`${name}: ${issues.length} axe findings`);
}

const set = (json) =>
  fetch(`${BASE}/fixture/set`, { method: "POST", body: JSON.stringify(json) }).then((r) =>
    r.json(),
  );
const { exams } = await set({ finish: 0, tasks: 4 });

for (const scheme of process.argv[2] ? [process.argv[2]] : ["dark", "light"]) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  await context.addInitScript((value) => {
    localStorage.setItem("scanhub-color-scheme", value);
  }, scheme);
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") console.log(`  console: ${message.text().slice(0, 300)}`);
  });
  page.on("pageerror", (error) => console.log(`  page error: ${error.message}`));

  await page.goto(`${BASE}/`);
  await page.getByRole("button", { name: "Log in" }).waitFor();
  await look(page, `${scheme}-login`);
  await page.getByLabel("User name").fill("technician");
  await page.getByLabel("Password").fill("technician-demo");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByTestId("table-row").first().waitFor();
  await look(page, `${scheme}-worklist`);
  await page.getByRole("button", { name: "Register patient" }).click();
  await page.getByRole("button", { name: "Register", exact: true }).click();
  await page.waitForTimeout(400);
  await look(page, `${scheme}-register`);
  await page.goto(`${BASE}/patients`);
  await page.getByTestId("table-row").first().click();
  await page.waitForTimeout(300);
  await look(page, `${scheme}-patients`);
  await page.getByRole("button", { name: "Start exam" }).click();
  await page.waitForTimeout(500);
  await look(page, `${scheme}-start-exam`);
  await page.goto(`${BASE}/devices`);
  await page.getByTestId("table-row").nth(1).click();
  await page.waitForTimeout(300);
  await look(page, `${scheme}-devices`);

  await page.goto(`${BASE}/exams/${exams[0]}`);
  await page.getByTestId("task-row").nth(3).click();
  await page.locator("[data-testid=viewer-canvas][data-ready]").waitFor({ timeout: 30_000 });
  await page.waitForTimeout(1200);
  await look(page, `${scheme}-exam`);
  await page.getByTestId("task-row").nth(4).click();
  await page.waitForTimeout(400);
  await look(page, `${scheme}-exam-no-device`);
  if (scheme === "dark") {
    await page.getByTestId("task-row").nth(2).click();
    await page.getByRole("button", { name: "Start scan" }).click();
    await page.waitForTimeout(500);
    await look(page, `${scheme}-requested`);
    await page.waitForTimeout(4500);
    await look(page, `${scheme}-running`);
    await page.keyboard.press("Control+k");
    await page.waitForTimeout(600);
    await look(page, `${scheme}-palette`);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Stop scanner" }).click();
    await page.waitForTimeout(900);
    await look(page, `${scheme}-stopped`);
    await set({ deafScanner: true });
    await page.getByRole("button", { name: "Stop scanner" }).click();
    await page.waitForTimeout(2500);
    await look(page, `${scheme}-stop-unconfirmed`);
    await set({ deafScanner: false });
    await page.goto(`${BASE}/devices`);
    await page.getByTestId("device-strip").waitFor();
    await page.waitForTimeout(400);
    await look(page, `${scheme}-devices-exam-open`);
    await page.goto(`${BASE}/exams/${exams[1]}`);
    await page.getByTestId("task-row").first().click();
    await page.getByRole("button", { name: "Start scan" }).click();
    await page.waitForTimeout(600);
    await look(page, `${scheme}-refused`);
    await page.goto(`${BASE}/exams/${exams[2]}`);
    await page.waitForTimeout(700);
    await look(page, `${scheme}-weight-missing`);
    await set({ imagePatient: 3 });
    await page.goto(`${BASE}/exams/${exams[0]}`);
    await page.getByTestId("task-row").nth(3).click();
    await page.getByTestId("patient-mismatch").waitFor({ timeout: 20_000 });
    await look(page, `${scheme}-mismatch`);
    await set({ imagePatient: null, streamDown: true });
    await page.waitForTimeout(9500);
    await look(page, `${scheme}-stale`);
    await set({ streamDown: false });
    await page.setViewportSize({ width: 640, height: 400 });
    await page.goto(`${BASE}/exams/${exams[0]}`);
    await page.waitForTimeout(1500);
    await look(page, `${scheme}-zoom200`);
    await page.setViewportSize({ width: 1920, height: 1080 });
    await page.waitForTimeout(1200);
    await look(page, `${scheme}-wide`);
  }
  await context.close();
}
await browser.close();
console.log(bad === 0 ? "axe: clean" : `axe: ${bad} findings`);
process.exitCode = bad === 0 ? 0 : 1;
