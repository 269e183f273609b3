"""Notifications: what a rule tells people and programs about its cases, by webhook and e-mail."""
