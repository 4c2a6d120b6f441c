"""Live samples as an app asks for them: server-sent events, a WebSocket, or a demand alone."""
