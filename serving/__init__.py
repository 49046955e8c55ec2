"""From a bundle to answers: scoring, batch, stores, the service. Imports features and models."""
