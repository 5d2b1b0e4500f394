"""The chapters of the story: each is a sequence of steps with the acts and the witnesses that belong to it."""
