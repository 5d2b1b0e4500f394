"""Medication orders from an EHR onto infusion pumps, and what the pumps do back into the chart."""
