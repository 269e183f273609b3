"""Senders: one for each type of target, all behind the same port."""
