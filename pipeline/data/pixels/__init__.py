"""What files hold beyond 8-bit RGB, as values, and the mathematics that makes 8-bit images of them."""
