"""Storage commitment as provider: what other nodes ask us to keep (PS3.4 Annex J)."""
