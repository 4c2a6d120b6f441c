"""Sans-I/O codecs: what each meter's bytes mean; nothing here opens, waits or asks the time."""
