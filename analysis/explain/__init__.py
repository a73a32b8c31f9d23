"""Which parameters and inputs matter, and how sure that is."""
