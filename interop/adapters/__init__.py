"""Adapters: I/O behind the ports, one package a port; siblings do not import each other."""
