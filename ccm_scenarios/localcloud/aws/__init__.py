"""The emulated AWS: an API that says what should be, and hears from whoever makes it real.

Its parts are imported one by one: `desired` is light, what emulates takes a second.
"""
