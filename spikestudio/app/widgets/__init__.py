"""Small controls shared by several docks."""
