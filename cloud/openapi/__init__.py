"""The OpenAPI document: what every field and parameter means, and how the routes are named."""
