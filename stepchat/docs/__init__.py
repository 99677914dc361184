"""The manual, one Markdown file per topic. `python -m stepchat.docs.generate` refreshes what comes from tables."""
