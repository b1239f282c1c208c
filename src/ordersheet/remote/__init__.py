"""Files behind URLs: what fsspec reaches, each protocol with the package for it."""
