"""What goes out to the EHRs."""
