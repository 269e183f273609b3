import { queryOptions } from "@tanstack/react-query";

import { t } from "../i18n";
import { answer, client } from "./client";

/** Simulated scanners that the server starts by itself. */

export const startSimulator = (device_id: string | null) =>
  answer(
    client.POST("/api/v1/device/simulators", {
      body: device_id
        ? { device_id, name: t("Simulated scanner") }
        : { name: t("Simulated scanner") },
    }),
  );
export const stopSimulator = (device_id: string) =>
  answer(
    client.DELETE("/api/v1/device/simulators/{device_id}", { params: { path: { device_id } } }),
  );

/** Below `devices`: what is asked anew when a device comes or goes. */
export const simulatorsQuery = queryOptions({
  queryKey: ["devices", "simulators"],
  queryFn: () => answer(client.GET("/api/v1/device/simulators")),
});
