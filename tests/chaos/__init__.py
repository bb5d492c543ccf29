"""The chaos harness: a real fleet under seeded faults, judged against an undisturbed run."""
