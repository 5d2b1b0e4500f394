"""The FHIR R4 door, thin: create, update and read of MedicationRequest, and what tells a client so (fhir-infusion.md section 5)."""
