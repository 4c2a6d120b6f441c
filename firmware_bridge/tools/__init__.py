"""What an installer reaches for on site: decode, capture and detect."""
