"""Sensor simulators: assets with known physics, known noise and known faults, for demos and as an oracle of tests.

They import nothing from `agent`. The two meet in topics and payload bytes only, so that what the agent estimates can
be judged against a truth the agent had no hand in.
"""
