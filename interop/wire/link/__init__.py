"""The pump link on the wire (docs/pump-link.md): ``reader.read`` and ``writer.write``; ``schema.json`` says the same for machines."""
