"""The three tables: which event moves which state to which. Drawn in docs/lifecycle.md from themselves."""
