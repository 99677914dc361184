"""The manual, one Markdown file per topic. `python -m stepchat.docs.generate` updates its tables."""
