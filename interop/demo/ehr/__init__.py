"""The stand-in EHR: a process of its own that sends orders, takes what comes back, and writes every byte of both down before it answers.

It speaks its own few lines of HL7 v2 (``hl7``) and shares no code with interop, so that a mistake in one shows in the other.
"""
