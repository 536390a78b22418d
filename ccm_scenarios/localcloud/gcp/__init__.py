"""The emulated Google Cloud: the Compute API and the metadata server, which say what should be.

What emulates needs google-cloud-compute, whose import takes seconds; `desired` is light.
"""
