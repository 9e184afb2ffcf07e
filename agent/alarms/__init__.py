"""Alarms: rules that look at a twin's channels, and the life cycle that turns conditions into changes."""
