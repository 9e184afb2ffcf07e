"""`twinned demo`: a broker, simulated assets with a fault, the real agent, and a witness of what comes back.

The only part of the agent that knows the simulators, and the only one that needs the extra `demo`.
"""
