"""HL7 v2 messages in ER7, as IHE Devices profiles and hospital order feeds use them: tokenizer, codes, and one module a message."""
