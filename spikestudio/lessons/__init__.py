"""Lessons as data: reading and checking them, what completes a page, and how far a student got.

No code of a lesson is ever run: a lesson is a JSON file, Markdown pages and local pictures.
"""
