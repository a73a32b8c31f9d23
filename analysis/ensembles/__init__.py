"""Ensembles from stored predictions; nothing is trained again."""
