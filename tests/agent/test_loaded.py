"""What the hub's process loads, and what it leaves until it is wanted."""

import subprocess
import sys

LARGE = (
    *("awscrt", "cbor2", "click", "cobs", "cryptography", "luma", "multiprocessing"),
    *("paho", "PIL", "pydantic", "smp", "smpclient", "tarfile", "zigpy"),
)
"""Libraries, most of megabytes: each for one way to the cloud, one kind of meter, a display or one
rare deed; and what libraries bring along that a hub has no use for."""

UNUSED = (
    *("importlib.metadata", "importlib.resources", "logging.handlers", "pickle", "zipfile"),
    *("agent.firmware.panel", "agent.firmware.radio", "firmware_bridge.display"),
)
"""Half a megabyte each and more, of the standard library and our own: what a hub that stands there
and reads its meter never asks for."""

PROGRAM = """
import sys
from shared.cli import find_commands, load_command
load_command(find_commands()["run"])
import agent.app
from agent.database import migrations
from agent.home.page import STATIC
from agent.home.server import page_server
from shared.assets import load_assets
from starlette.applications import Starlette
assert migrations()
page_server(Starlette()).config.load()
assert load_assets(STATIC).pages
print(*sorted(sys.modules))
"""

UNASKED = """
import sys
from shared.cli import find_commands, load_command
load_command(find_commands()["run"])
import agent.app, agent.home.server, paho.mqtt.client
brought = {"_bz2", "_lzma", "email.parser", "html.entities", "urllib.response"}
print(*sorted(brought & set(sys.modules)))
assert "day_name" not in vars(sys.modules["calendar"])
"""

UNASKED_AFTERWARDS = """
import agent.cli
import bz2, calendar, html, http.client, lzma, shutil, urllib.request
from email.utils import parsedate_to_datetime
from html.entities import html5
from starlette.exceptions import HTTPException
assert bz2.decompress(bz2.compress(b"1")) == lzma.decompress(lzma.compress(b"1")) == b"1"
assert {"bztar", "xztar"} <= {name for name, _ in shutil.get_archive_formats()}
assert calendar.timegm((1970, 1, 2, 0, 0, 0)) == 86_400
assert parsedate_to_datetime("Fri, 02 Jan 1970 00:00:00 GMT").day == 2
assert html.unescape("&pound;1") == html.unescape(html.escape("\N{POUND SIGN}1"))
assert html5["pound;"] == "\N{POUND SIGN}"
assert HTTPException(404).detail == "Not Found"
assert issubclass(http.client.HTTPSConnection, http.client.HTTPConnection)
assert urllib.request.Request("http://localhost/a").selector == "/a"
assert urllib.request.getproxies() is not None
"""

UVICORN_AFTERWARDS = """
from agent.home.server import Config, PageServer
import uvicorn
from uvicorn import Server, run
assert uvicorn.Config is Config
assert issubclass(PageServer, Server) and Server is uvicorn.Server
assert callable(run) and callable(uvicorn.main) and uvicorn.__version__
import logging.config
logging.config.dictConfig({"version": 1})
try:
    uvicorn.nothing
except AttributeError as error:
    print(error)
"""

UVICORN_BEFORE = """
import uvicorn
from agent.home.server import Config
assert uvicorn.Config is Config
print(uvicorn.__version__)
"""

SCREEN = """
import sys
from agent.screen import drivers, layout
from agent.screendrivers import DRIVERS
for name in DRIVERS:
    assert drivers.load_driver(name).__name__ == name
unasked = {
    "cbor2", "multiprocessing", "pickle", "luma.core.bitmap_font", "luma.core.sprite_system",
    "luma.core.virtual",
}
print(*sorted(unasked & set(sys.modules)))
for one, name in (("ExifTags", "TAGS"), ("TiffTags", "TAGS"), ("ImageColor", "colormap")):
    assert name not in vars(sys.modules["PIL." + one])
"""

SCREEN_AFTERWARDS = """
from agent.screen import drivers, layout
drivers.load_driver("ssd1306")
import cbor2, multiprocessing
from luma.core.bitmap_font import embedded_fonts
from luma.core.virtual import character, terminal
from PIL import ExifTags, Image, ImageColor, TiffTags
assert cbor2.loads(cbor2.dumps({1: [2]})) == {1: [2]}
assert multiprocessing.Process(target=print).exitcode is None
assert terminal.puts and character.__mro__[-2].__module__ != "agent.entering"
assert ExifTags.TAGS[ExifTags.Base.Make] == "Make" and TiffTags.lookup(256).name == "ImageWidth"
assert Image.new("RGB", (1, 1), "red").getpixel((0, 0)) == ImageColor.getrgb("red")
"""


def said_by(program: str) -> str:
    """Run a program of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_hub_loads_no_large_library_before_it_is_wanted() -> None:
    """On a board of 512 MB each would stay for as long as the hub runs."""
    assert not {*LARGE, *UNUSED} & set(said_by(PROGRAM).split())


def test_a_hub_leaves_what_its_libraries_bring_along_unasked() -> None:
    """The page's and the broker's: two megabytes for archives, proxies and the words of errors."""
    assert said_by(UNASKED) == "\n"


def test_what_a_hub_left_is_whole_for_whoever_asks() -> None:
    """The download of an update, a page that is not there, a meter whose stanzas are escaped."""
    assert said_by(UNASKED_AFTERWARDS) == ""


def test_uvicorn_is_whole_for_whoever_asks_for_it_afterwards() -> None:
    """Its package is run when it is asked for a name that the hub has no use for."""
    assert "no attribute 'nothing'" in said_by(UVICORN_AFTERWARDS)


def test_uvicorn_is_taken_as_it_is_where_somebody_has_loaded_it() -> None:
    """As in a test that runs hub and cloud in one process."""
    assert said_by(UVICORN_BEFORE).strip()


def test_a_screen_brings_nothing_along_that_it_does_not_draw_with() -> None:
    """luma's own fonts and lights are for other displays, Pillow's tags for photographs."""
    assert said_by(SCREEN) == "\n"


def test_what_a_screen_leaves_out_is_whole_for_whoever_asks() -> None:
    """A panel for its library, a preview for what Pillow writes its file with."""
    assert said_by(SCREEN_AFTERWARDS) == ""
