"""Self-hosted identities: certificates, the broker that checks them, and their command."""
