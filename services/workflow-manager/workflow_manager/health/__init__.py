"""Health: the state of every queue, target, listener and disk, and what is measured of them."""
