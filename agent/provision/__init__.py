"""How a hub gets and renews its certificate: a claim, a dialogue over MQTT, a proof, a swap.

What is kept meanwhile is agent/identity's; connections are made by whoever starts this.
"""
