"""Speech made beforehand: phrases that never change are spoken once, kept in the store, and played from there."""
