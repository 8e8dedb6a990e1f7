"""DO, images: finds, pulls or builds the images of a run; offline from Debian packages and wheels."""
