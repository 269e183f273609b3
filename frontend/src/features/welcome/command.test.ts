import { expect, test } from "vitest";

import { simulatorCommand } from "./command";

const credentials = { device_id: "d1", device_token: "secret" };

test("the command writes the credentials for their owner only and connects to this server", () => {
  expect(simulatorCommand(credentials, "http://10.0.0.5:8000")).toBe(
    `(umask 077; echo '{"device_id":"d1","device_token":"secret"}' > device_credentials.json)\n` +
      "scanhub simulate-device --url ws://10.0.0.5:8000/api/v1/device/ws " +
      "--credentials device_credentials.json",
  );
  expect(simulatorCommand(credentials, "https://scan.example")).toContain(
    "--url wss://scan.example/api/v1/device/ws",
  );
});
