"""One file per change of the tables. What was released does not change: they do not import search/tables.py."""
