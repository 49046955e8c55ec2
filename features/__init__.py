"""Point-in-time features: events in, histories kept, questions answered. Imports nothing of ours."""

from .functions import function

__all__ = ["function"]
