"""Chains of modules that run for a case: prepared, computed step by step, indexed, sent."""
