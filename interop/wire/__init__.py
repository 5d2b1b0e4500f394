"""Bytes to nouns and back, without I/O; the packages here do not import each other."""
