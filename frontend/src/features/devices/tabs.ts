/** What is shown of one device; the address names it. */
export const TABS = ["overview", "parameters", "calibrations", "scans"] as const;
export type DeviceTab = (typeof TABS)[number];
