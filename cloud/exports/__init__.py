"""Exports: usage and samples as files, streamed in bounded memory."""
