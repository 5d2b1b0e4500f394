"""Where others knock: each door takes bytes in, hands them on and gives the answer back; no decision is taken here."""
