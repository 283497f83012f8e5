"""The measures, one file for each question. Each is a pure function of `metrics.py` and one `Measure` here: its title,
what held-out real images get, a verdict, and one sentence of meaning.

The verdicts are ours. They say at a glance where to look; the numbers are what counts.
"""
