"""The nouns of infusion programming: frozen values, exact amounts, no I/O, no clock, standard library only."""
