"""The processes of device-manager, and how one reaches a link that another one holds."""
