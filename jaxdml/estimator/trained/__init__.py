"""A trained network: what it says of images, what its decoder makes of latents, its export."""
