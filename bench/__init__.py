"""What the agent costs, measured beside what it replaces. Not part of the package, and no test asserts a time."""
