"""Ingest: frames in from MQTT, merged into the store, receipts out after the commit."""
