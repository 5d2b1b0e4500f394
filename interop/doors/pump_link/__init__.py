"""The pump link's door (docs/pump-link.md): START HERE with ``door``, the listener; ``session`` is one connected pump."""
