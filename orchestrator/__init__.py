"""The Django project, and the floor that every app stands on."""
