"""How well the agent leads an interview: every persona by every rubric, with models that are good, bad or mad."""
