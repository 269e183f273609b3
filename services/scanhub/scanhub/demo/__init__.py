"""`scanhub demo`: one real scan from login to archive, with a simulated scanner."""
