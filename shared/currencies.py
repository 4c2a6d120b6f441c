"""Currencies by their numbers in ISO 4217, as meters tell them; tariffs name them by letters. Pure.

Those of the places whose meters tell a price or a credit; another is refused, not guessed.
"""

CURRENCIES: dict[int, str] = {
    36: "AUD",
    124: "CAD",
    156: "CNY",
    203: "CZK",
    208: "DKK",
    344: "HKD",
    348: "HUF",
    352: "ISK",
    356: "INR",
    392: "JPY",
    410: "KRW",
    484: "MXN",
    554: "NZD",
    578: "NOK",
    702: "SGD",
    710: "ZAR",
    752: "SEK",
    756: "CHF",
    826: "GBP",
    840: "USD",
    946: "RON",
    949: "TRY",
    978: "EUR",
    985: "PLN",
    986: "BRL",
}
"""Number to letters. Source: ISO 4217, list one."""
