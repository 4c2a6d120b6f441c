"""People who sign in, and what else opens the API: credentials, sessions, API keys, OIDC."""
