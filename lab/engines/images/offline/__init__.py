"""DO, images: the way out where no registry answers: base images from Debian packages, wheels fetched by the host."""
