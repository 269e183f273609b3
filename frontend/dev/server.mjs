// A stand-in for the backend while looking at the pages: fixtures, a pretended scanner and the
// event stream. Never part of the bundle. Start: npm run dev:fixtures, then
// SCANHUB_API=http://127.0.0.1:8123 npm run dev; or let it serve dist/ itself on the same port.
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

import { makeDicom, SLICES } from "./dicom.mjs";
import { copyTemplate, device, devices, patients, sequences, templates } from "./world.mjs";

const PORT = Number(process.env.FIXTURE_PORT ?? 8123);
const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const user = { username: "technician", first_name: "Tess", last_name: "Doe", role: "admin" };
const state = {
  noUsers: process.env.NO_USERS === "1",
  tokens: new Set(["cookie"]),
  exams: [],
  runs: [],
  dispatches: [],
  journal: [],
  streams: new Set(),
  streamDown: false,
  silentScanner: false,
  deafScanner: false,
  imagePatient: null,
};

state.exams.push(
  copyTemplate(templates[1], patients[0].id, {
    indication: "Headache for six weeks",
    name: "Head, routine",
  }),
  copyTemplate(templates[0], patients[1].id, { indication: "Dizziness" }),
  copyTemplate(templates[0], patients[2].id, { indication: "Follow-up" }),
);
state.exams[1].workflows[0].tasks[0].status = "ERROR";
state.exams[1].workflows[0].tasks[0].status_reason =
  "Device Low-field 1 went offline during the scan; nothing was stored. Start it again.";

// --- journal and stream ------------------------------------------------------------------------

function emit(type, subject, data = {}, actor = "service:device-manager") {
  const entry = {
    sequence: state.journal.length + 1,
    id: randomUUID(),
    type,
    source: "fixture",
    subject,
    time: new Date().toISOString(),
    actor,
    correlation_id: null,
    data,
  };
  state.journal.push(entry);
  for (const response of state.streams) send(response, entry);
}
const send = (response, entry) =>
  response.write(`event: ${entry.type}\nid: ${entry.sequence}\ndata: ${JSON.stringify(entry)}\n\n`);

function findTask(id) {
  for (const exam of state.exams) {
    for (const workflow of exam.workflows) {
      const task = workflow.tasks.find((candidate) => candidate.id === id);
      if (task) return { exam, workflow, task };
    }
  }
  return null;
}
function changeTask({ exam, workflow, task }, type, change) {
  Object.assign(task, change);
  emit(type, task.id, {
    task_id: task.id,
    workflow_id: workflow.id,
    exam_id: exam.id,
    patient_id: exam.patient_id,
    status: task.status,
    progress: task.progress,
    status_reason: task.status_reason,
    name: task.name,
  });
}
function changeDevice(found, status, detail = null) {
  found.status = status;
  found.status_detail = detail;
  found.last_seen = new Date().toISOString();
  emit("device.status", found.id, { device_id: found.id, name: found.name, status, detail });
}
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// --- the pretended scanner and reconstruction --------------------------------------------------

const scans = new Map();

async function scan(located) {
  const { task, exam } = located;
  const scanner = devices.find(({ id }) => id === task.device_id);
  const acquisition_id = randomUUID();
  const said = { task_id: task.id, exam_id: exam.id, acquisition_id, device_id: scanner.id };
  const scanning = { stopped: false };
  scans.set(scanner.id, scanning);
  changeTask(located, "exam.task.started", {
    status: "STARTED",
    progress: 0,
    status_reason: null,
    started_at: new Date().toISOString(),
    finished_at: null,
  });
  emit("acquisition.requested", acquisition_id, { ...said, state: "requested" }, "user:technician");
  if (state.silentScanner) return;
  await wait(700);
  emit("acquisition.accepted", acquisition_id, { ...said, state: "accepted" });
  await wait(600);
  emit("acquisition.running", acquisition_id, { ...said, state: "running" });
  changeDevice(scanner, "BUSY");
  const steps = Number(process.env.SCAN_STEPS ?? 20);
  for (let step = 1; step <= steps && !scanning.stopped; step += 1) {
    await wait(Number(process.env.STEP_MS ?? 500));
    if (scanning.stopped) break;
    changeTask(located, "exam.task.progress", {
      status: "INPROGRESS",
      progress: Math.round((100 * step) / steps),
    });
  }
  if (scanning.stopped) {
    emit("acquisition.stopped", acquisition_id, { ...said, state: "stopped" });
    changeTask(located, "exam.task.canceled", {
      status: "CANCELED",
      status_reason: "Stopped by technician",
      finished_at: new Date().toISOString(),
    });
    changeDevice(scanner, "ONLINE");
    return;
  }
  store(located, "MRD", ["data.mrd"]);
  emit("acquisition.finished", acquisition_id, { ...said, state: "finished" });
  changeTask(located, "exam.task.finished", {
    status: "FINISHED",
    progress: 100,
    finished_at: new Date().toISOString(),
  });
  changeDevice(scanner, "ONLINE");
  for (const next of located.workflow.tasks) {
    if (next.input_task_ids?.includes(task.id)) void reconstruct({ ...located, task: next });
  }
}

function store({ task, exam, workflow }, type, files) {
  const result = {
    id: randomUUID(),
    task_id: task.id,
    type,
    directory: `${workflow.id}/${task.id}`,
    files,
    meta: null,
    datetime_created: new Date().toISOString(),
  };
  task.results.push(result);
  emit("result.stored", result.id, { result_id: result.id, task_id: task.id, exam_id: exam.id });
}

export async function reconstruct(located) {
  const { task, exam } = located;
  const fail = task.name.startsWith("T2");
  const run = {
    id: randomUUID(),
    task_id: task.id,
    exam_id: exam.id,
    job_id: task.dag_id,
    status: "running",
    progress: 0,
    error: null,
    result_id: null,
    attempt: 1,
    created_at: new Date().toISOString(),
    started_at: new Date().toISOString(),
    ended_at: null,
  };
  state.runs.unshift(run);
  const said = { run_id: run.id, task_id: task.id, exam_id: exam.id };
  emit("run.queued", run.id, said, "service:workflow-manager");
  emit("run.started", run.id, said, "service:workflow-manager");
  changeTask(located, "exam.task.started", {
    status: "INPROGRESS",
    progress: 0,
    status_reason: null,
    started_at: new Date().toISOString(),
  });
  await wait(1200);
  run.ended_at = new Date().toISOString();
  if (fail) {
    const error =
      "EncodingError: 12 of 128 phase-encoding lines are missing in data.mrd.\nThe scan ended early; acquire it again.";
    Object.assign(run, { status: "failed", error });
    emit("run.failed", run.id, { ...said, error }, "service:workflow-manager");
    changeTask(located, "exam.task.failed", {
      status: "ERROR",
      status_reason: error.split("\n")[0],
    });
    return;
  }
  store(
    located,
    "DICOM",
    Array.from({ length: SLICES }, (_, slice) => `im${slice + 1}.dcm`),
  );
  Object.assign(run, { status: "succeeded", progress: 100 });
  emit("run.succeeded", run.id, said, "service:workflow-manager");
  changeTask(located, "exam.task.finished", {
    status: "FINISHED",
    progress: 100,
    finished_at: new Date().toISOString(),
  });
  for (const [target, status, error] of [
    ["PACS", "sent", null],
    [
      "Research archive",
      "waiting",
      "Association refused by 10.0.4.7:11112: called AE title not recognised",
    ],
  ]) {
    const dispatch = {
      id: randomUUID(),
      target,
      series_instance_uid: "2.25.3",
      study_instance_uid: exam.study_instance_uid,
      task_id: task.id,
      exam_id: exam.id,
      status,
      instances: SLICES,
      sent: status === "sent" ? SLICES : 0,
      attempt: 1,
      next_attempt_at: status === "sent" ? null : new Date(Date.now() + 120_000).toISOString(),
      error,
      created_at: new Date().toISOString(),
      ended_at: status === "sent" ? new Date().toISOString() : null,
    };
    state.dispatches.push(dispatch);
    emit(
      `dispatch.${status === "sent" ? "sent" : "retry"}`,
      dispatch.id,
      {
        ...dispatch,
        dispatch_id: dispatch.id,
      },
      "service:workflow-manager",
    );
  }
}

// --- routes ------------------------------------------------------------------------------------

class Problem extends Error {
  constructor(status, slug, detail, more = {}) {
    super(detail);
    this.body = {
      type: `/problems/${slug}`,
      title: slug.replaceAll("-", " "),
      status,
      detail,
      ...more,
    };
  }
}
const found = (value, what) => {
  if (!value) throw new Problem(404, "not-found", `There is no such ${what}.`);
  return value;
};

const routes = [
  ["GET", "/api/v1/userlogin/checknousers", () => state.noUsers],
  ["POST", "/api/v1/userlogin/createfirstuser", () => ((state.noUsers = false), user)],
  [
    "POST",
    "/api/v1/userlogin/login",
    ({ body, request, response }) => {
      if (request.headers["content-type"] !== "application/x-www-form-urlencoded") {
        throw new Problem(422, "invalid-request", "The login is a form.");
      }
      const form = new URLSearchParams(body);
      if (form.get("password") !== "technician-demo") {
        throw new Problem(401, "unauthenticated", "Invalid authentication credentials");
      }
      return logIn(response);
    },
  ],
  [
    "POST",
    "/api/v1/userlogin/loginfromcookie",
    ({ request, response }) => {
      if (!request.headers.cookie?.includes("access_token=cookie")) {
        throw new Problem(401, "unauthenticated", "No session");
      }
      return logIn(response);
    },
  ],
  [
    "POST",
    "/api/v1/userlogin/logout",
    ({ response }) => {
      response.setHeader("Set-Cookie", "access_token=; Path=/api/v1; Max-Age=0");
      return null;
    },
  ],
  ["GET", "/api/v1/userlogin/getcurrentuser", () => user],
  ["GET", "/api/v1/patient/", () => patients],
  [
    "GET",
    "/api/v1/patient/:id",
    ({ id }) =>
      found(
        patients.find((p) => p.id === id),
        "patient",
      ),
  ],
  [
    "POST",
    "/api/v1/patient/",
    ({ json }) => {
      const added = { ...json, id: randomUUID(), datetime_created: new Date().toISOString() };
      patients.push(added);
      emit("patient.created", added.id, {}, "user:technician");
      return added;
    },
  ],
  [
    "PUT",
    "/api/v1/patient/:id",
    ({ id, json }) => {
      const one = found(
        patients.find((p) => p.id === id),
        "patient",
      );
      Object.assign(one, json);
      emit("patient.updated", id, {}, "user:technician");
      return one;
    },
  ],
  ["GET", "/api/v1/exam/worklist", worklist],
  ["GET", "/api/v1/exam/templates/all", () => templates],
  ["GET", "/api/v1/exam/sequences/all", () => sequences],
  [
    "POST",
    "/api/v1/exam/",
    ({ url, json }) => {
      const source = found(
        templates.find((t) => t.id === url.searchParams.get("template_id")),
        "template",
      );
      const exam = copyTemplate(source, json.patient_id, {
        name: json.name,
        indication: json.indication,
      });
      state.exams.push(exam);
      emit("exam.created", exam.id, {}, "user:technician");
      return exam;
    },
  ],
  [
    "GET",
    "/api/v1/exam/:id",
    ({ id }) =>
      found(
        state.exams.find((e) => e.id === id),
        "exam",
      ),
  ],
  [
    "PUT",
    "/api/v1/exam/task/:id",
    ({ id, json }) => {
      const located = found(findTask(id), "task");
      changeTask(located, "task.updated", { device_id: json.device_id, status: "UPDATED" });
      return located.task;
    },
  ],
  ["GET", "/api/v1/device/", () => devices],
  ["GET", "/api/v1/device/acquisitions", () => []],
  ["GET", "/api/v1/device/parameter-schemas", () => []],
  ["GET", "/api/v1/device/:id/calibrations", () => []],
  ["GET", "/api/v1/device/:id/parameter/versions", () => []],
  [
    "GET",
    "/api/v1/device/:id/parameter",
    ({ id }) => ({
      device_id: id,
      version: 0,
      parameter: devices.find((d) => d.id === id)?.parameter ?? {},
    }),
  ],
  [
    "POST",
    "/api/v1/device/createdevice",
    ({ json }) => {
      const added = device(json.name, json.description, "OFFLINE");
      devices.push(added);
      emit("device.created", added.id, {}, "user:technician");
      return { device_token: "f".repeat(64), device_id: added.id };
    },
  ],
  [
    "POST",
    "/api/v1/device/:id/rotate-token",
    ({ id }) => ({ device_token: "e".repeat(64), device_id: id }),
  ],
  [
    "DELETE",
    "/api/v1/device/:id",
    ({ id }) => {
      devices.splice(
        devices.findIndex((d) => d.id === id),
        1,
      );
      emit("device.deleted", id, {}, "user:technician");
      return null;
    },
  ],
  [
    "POST",
    "/api/v1/device/:id/safety",
    ({ json }) => ({
      outcome: "pass",
      operating_mode: "normal",
      reasons: [
        {
          code: "pns-generic-coil",
          severity: "note",
          text: "Nerve stimulation was estimated by a generic coil.",
        },
      ],
      fingerprint: json.task_id,
    }),
  ],
  [
    "POST",
    "/api/v1/device/:id/stop",
    async ({ id }) => {
      if (state.deafScanner) {
        await wait(2000);
        return {
          sent: true,
          confirmed: false,
          detail: "Low-field 1 did not confirm within 2 s.",
          task_id: null,
        };
      }
      const scanning = scans.get(id);
      if (scanning) scanning.stopped = true;
      await wait(150);
      return { sent: true, confirmed: true, detail: "Low-field 1 has stopped.", task_id: null };
    },
  ],
  [
    "POST",
    "/api/v1/workflowmanager/trigger_task/:id/",
    ({ id }) => {
      const located = found(findTask(id), "task");
      if (located.task.task_type === "DAG") {
        void reconstruct(located);
        return { run_id: randomUUID() };
      }
      const owner = patients.find((p) => p.id === located.exam.patient_id);
      if (owner.weight > 90) {
        throw new Problem(
          422,
          "unprocessable",
          "The scan was refused by the checks of Low-field 1.",
          {
            reasons: [
              "Gradient amplitude 24.1 mT/m in block 17 exceeds 20 mT/m of this device",
              "RF raster 1 µs is not a multiple of the device's 2 µs",
            ],
          },
        );
      }
      void scan(located);
      return { acquisition_id: randomUUID(), task_id: id, state: "requested" };
    },
  ],
  [
    "GET",
    "/api/v1/workflowmanager/runs",
    ({ url }) => state.runs.filter((r) => r.task_id === url.searchParams.get("task_id")),
  ],
  [
    "GET",
    "/api/v1/workflowmanager/dispatches",
    ({ url }) => state.dispatches.filter((d) => d.exam_id === url.searchParams.get("exam_id")),
  ],
  [
    "GET",
    "/api/v1/workflowmanager/journal",
    ({ url }) => {
      const taskId = url.searchParams.get("task_id");
      return state.journal.filter((e) => e.data.task_id === taskId);
    },
  ],
  ["POST", "/fixture/set", ({ json }) => setState(json)],
];

function setState(json) {
  if (json.finish !== undefined) {
    for (const task of state.exams[json.finish].workflows[0].tasks.slice(0, json.tasks ?? 2)) {
      const located = findTask(task.id);
      if (task.task_type === "DAG") void reconstruct(located);
      else {
        store(located, "MRD", ["data.mrd"]);
        changeTask(located, "exam.task.finished", {
          status: "FINISHED",
          progress: 100,
          started_at: new Date(Date.now() - 78_000).toISOString(),
          finished_at: new Date().toISOString(),
        });
      }
    }
  }
  if (json.device) changeDevice(devices[json.device.index], json.device.status, json.device.detail);
  if (json.streamDown) for (const response of state.streams) response.destroy();
  Object.assign(state, json);
  return { exams: state.exams.map(({ id }) => id) };
}

function worklist() {
  return state.exams.map((exam) => {
    const { workflows, ...summary } = exam;
    const tasks = workflows.flatMap((workflow) => workflow.tasks);
    const finished = tasks.filter((task) => task.status === "FINISHED").length;
    return {
      exam: {
        ...summary,
        tasks_total: tasks.length,
        tasks_finished: finished,
        status:
          finished === tasks.length
            ? "FINISHED"
            : tasks.some((t) => ["STARTED", "INPROGRESS"].includes(t.status))
              ? "INPROGRESS"
              : "NEW",
        scheduled_on: null,
      },
      patient: patients.find((p) => p.id === exam.patient_id),
    };
  });
}

function logIn(response) {
  response.setHeader("Set-Cookie", "access_token=cookie; Path=/api/v1; HttpOnly; SameSite=Strict");
  return { ...user, access_token: "cookie", token_type: "bearer" };
}

function dicom(path, response) {
  const [, , , , , , task, , file] = path.split("/");
  const located = findTask(task);
  const slice = Number(/\d+/.exec(file)[0]) - 1;
  const owner = patients.find((p) => p.id === located.exam.patient_id);
  response.setHeader("Content-Type", "application/dicom");
  response.end(
    makeDicom({
      patient: state.imagePatient === null ? owner : patients[state.imagePatient],
      uid: `2.25.9${slice}`,
      studyUid: located.exam.study_instance_uid,
      seriesUid: "2.25.3",
      slice,
      description: located.task.name,
    }),
  );
}

function stream(request, response, url) {
  if (state.streamDown) {
    response.statusCode = 503;
    response.end();
    return;
  }
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  const after = Number(
    request.headers["last-event-id"] ?? url.searchParams.get("after") ?? state.journal.length,
  );
  response.write(
    `retry: 1000\nevent: hello\nid: ${after}\ndata: {"sequence":${state.journal.length}}\n\n`,
  );
  for (const entry of state.journal.slice(after)) send(response, entry);
  state.streams.add(response);
  const heartbeat = setInterval(
    () => response.write(`event: heartbeat\ndata: {"sequence":${state.journal.length}}\n\n`),
    15_000,
  );
  response.on("close", () => {
    clearInterval(heartbeat);
    state.streams.delete(response);
  });
}

const TYPES = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".html": "text/html",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

function serveDist(path, response) {
  const wanted = existsSync(DIST + path) && extname(path) ? path : "index.html";
  response.setHeader("Content-Type", TYPES[extname(wanted)] ?? "application/octet-stream");
  response.end(readFileSync(DIST + wanted));
}

function match(pattern, path) {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  if (wanted.length !== given.length) return null;
  let id = "";
  for (const [at, part] of wanted.entries()) {
    if (part === ":id") id = given[at];
    else if (part !== given[at]) return null;
  }
  return { id };
}

createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  const path = decodeURIComponent(url.pathname);
  if (path === "/api/v1/workflowmanager/events") return stream(request, response, url);
  if (path.startsWith("/api/v1/exam/dcm/")) return dicom(path, response);
  if (!path.startsWith("/api/") && !path.startsWith("/fixture/"))
    return serveDist(path.slice(1), response);
  let body = "";
  for await (const chunk of request) body += chunk;
  response.setHeader("Content-Type", "application/json");
  response.setHeader("X-Correlation-Id", request.headers["x-correlation-id"] ?? randomUUID());
  try {
    for (const [method, pattern, handle] of routes) {
      const params = method === request.method && match(pattern, path);
      if (!params) continue;
      const json = body.startsWith("{") ? JSON.parse(body) : null;
      const answer = await handle({ ...params, url, body, json, request, response });
      return response.end(JSON.stringify(answer));
    }
    throw new Problem(404, "not-found", `No route ${request.method} ${path}`);
  } catch (error) {
    if (!(error instanceof Problem)) console.error(error);
    response.statusCode = error.body?.status ?? 500;
    response.end(JSON.stringify(error.body ?? { title: String(error), status: 500 }));
  }
}).listen(PORT, "127.0.0.1", () => console.log(`fixtures on http://127.0.0.1:${PORT}`));
