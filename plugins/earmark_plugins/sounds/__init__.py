"""Listening to sounds: what several tasks share. A library, and no plugin."""
