"""Query/retrieve: studies are fetched from other systems by lists of accession numbers."""
