"""FHIR R4 (and R4B, which is the same for every resource used here): raw JSON to nouns."""
