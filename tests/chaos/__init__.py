"""Chaos: a real Mosquitto, a paced source over QoS 1, the agent as a process, and faults at random instants.

`stream` is what the source says and what a core makes of it without interruption, `actors` are the processes, `faults`
is what happens to them, `run` is a whole run and its verdict. `python -m tests.chaos` runs it, `python -m tests.soak`
(memory, descriptors and files over an hour) uses the same parts.
"""
