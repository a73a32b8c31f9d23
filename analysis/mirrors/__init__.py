"""Copies of the record in the formats of other tools, made while a sweep runs or later."""
