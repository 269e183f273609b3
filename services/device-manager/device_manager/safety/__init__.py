"""The safety gate: every reason why a scan must not start on this device, on this patient."""
