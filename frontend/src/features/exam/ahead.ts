import type { QueryClient } from "@tanstack/react-query";

import { queries } from "../../api/queries";

/** Asks at once for all that an exam needs: each part would ask for its own when it is drawn. */
export function readAhead(client: QueryClient, examId: string): void {
  void readExam(client, examId);
  void client.prefetchQuery(queries.devices);
  void client.prefetchQuery(queries.sequences);
  for (const part of [import("../shell/ExamFrame"), import("./ImagesPane")]) {
    // What does not come is told of where it is shown.
    part.catch(() => undefined);
  }
}

async function readExam(client: QueryClient, examId: string): Promise<void> {
  await client.prefetchQuery(queries.exam(examId));
  const patientId = client.getQueryData(queries.exam(examId).queryKey)?.patient_id;
  if (patientId) await client.prefetchQuery(queries.patient(patientId));
}
