"""The floor: what every app stands on. It knows no business table and imports no app."""
