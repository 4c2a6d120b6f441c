"""Bytes in, samples out: the meters' links and languages; it knows neither MQTT nor SQLite."""
