"""Phrase banks: what simulated candidates say, as data."""
