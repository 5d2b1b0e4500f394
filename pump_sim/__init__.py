"""A simulated fleet of infusion pumps to rehearse on. It shares the wire with interop (docs/pump-link.md) and not one line of code."""
