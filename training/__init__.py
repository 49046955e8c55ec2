"""From an event log to a registered model; and the simulated shop. Imports features and models."""
