"""The fourteen regions of electricity distribution in Great Britain, by which prices differ. Pure.

A region is named by its GSP group's letter, as tariff codes end in it. An electricity meter's
number (MPAN) begins with its distributor's, so a home's region can be read off its bill.
"""

from shared.errors import BadInputError

MPAN_DIGITS = 13

REGIONS = {
    "A": "Eastern England",
    "B": "East Midlands",
    "C": "London",
    "D": "Merseyside and Northern Wales",
    "E": "West Midlands",
    "F": "North Eastern England",
    "G": "North Western England",
    "H": "Southern England",
    "J": "South Eastern England",
    "K": "Southern Wales",
    "L": "South Western England",
    "M": "Yorkshire",
    "N": "Southern Scotland",
    "P": "Northern Scotland",
}

REGION_OF_DISTRIBUTOR = {
    "10": "A",
    "11": "B",
    "12": "C",
    "13": "D",
    "14": "E",
    "15": "F",
    "16": "G",
    "17": "P",
    "18": "N",
    "19": "J",
    "20": "H",
    "21": "K",
    "22": "L",
    "23": "M",
}


def region_of_mpan(mpan: str) -> str:
    """Name the region of an MPAN, written with or without spaces; raises BadInputError."""
    digits = mpan.replace(" ", "")
    region = REGION_OF_DISTRIBUTOR.get(digits[:2])
    if len(digits) != MPAN_DIGITS or not digits.isascii() or not digits.isdigit() or not region:
        raise BadInputError(
            f"MPAN of {len(digits)} characters names no region",
            hint="give the 13 digits from the bill, or the region's letter",
        )
    return region
