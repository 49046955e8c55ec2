"""A training as people read it."""

import io

from rich.console import Console

from training.show import show_training


def test_what_stands_in_brackets_is_read_and_not_taken_for_a_style():
    out = io.StringIO()
    targets = {
        "a": {
            "error": {"code": "too_little_data", "message": "Map it: [kinds.NAME] stage = ."},
            "notes": ["More in [split] test."],
        }
    }
    show_training({"version": "1", "targets": targets, "notes": ["See [base_rate]."]}, Console(file=out, width=200))
    for words in ("a was not trained", "[kinds.NAME] stage", "[split] test", "See [base_rate].", "intently promote 1"):
        assert words in out.getvalue()
