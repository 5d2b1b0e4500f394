"""The verbs: pure stages from an order as sent to an offer, no I/O, no clock."""
