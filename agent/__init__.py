"""twinned: a digital-twin agent for the edge."""

__version__ = "0.1.0"
