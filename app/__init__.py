"""The app under test: one FastAPI app, one image, served unchanged in every arm. It knows nothing of the lab."""
