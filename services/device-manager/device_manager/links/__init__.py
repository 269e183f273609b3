"""Links to scanners: one Protocol, and the websocket behind it."""
