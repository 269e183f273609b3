"""TLS client certificates: bound to a device, and asked for beside its token."""
