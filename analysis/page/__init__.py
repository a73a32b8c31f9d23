"""The report as a page: a file, or served live."""
