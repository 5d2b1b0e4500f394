"""What happened, one module a stream: past tense, frozen, never rewritten, each with enough to retell the story from the record alone (SR-52)."""
