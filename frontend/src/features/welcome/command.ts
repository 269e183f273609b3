import type { DeviceCredentials } from "../../api/types";

/** What starts a simulated scanner on any computer on which ScanHub is installed. Pure. */
export function simulatorCommand(
  { device_id, device_token }: DeviceCredentials,
  origin: string,
): string {
  const url = `${origin.replace(/^http/, "ws")}/api/v1/device/ws`;
  const file = JSON.stringify({ device_id, device_token });
  return [
    `(umask 077; echo '${file}' > device_credentials.json)`,
    `scanhub simulate-device --url ${url} --credentials device_credentials.json`,
  ].join("\n");
}
