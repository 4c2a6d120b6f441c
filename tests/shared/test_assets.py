"""A page's files: those of its package and the common ones, under addresses of their content."""

from pathlib import Path

from shared.assets import load_assets


def page_in(folder: Path, style: bytes = b"body{}") -> Path:
    """Lay down a page of one stylesheet, beside a file that is no part of it."""
    folder.mkdir()
    (folder / "index.html").write_bytes(b'<link href="/static/home.css"><a href="/elsewhere">')
    (folder / "history.html").write_bytes(b"<p>")
    (folder / "home.css").write_bytes(style)
    (folder / "notes.txt").write_bytes(b"not served")
    return folder


def test_a_page_is_its_own_files_and_the_common_ones(tmp_path: Path) -> None:
    """Pages are told from what they are made of; what has no media type is not served."""
    assets = load_assets(page_in(tmp_path / "static"))

    assert list(assets.pages) == ["history"]
    assert {"home.css", "looks.css", "icon.svg"} <= set(assets.files)
    assert "notes.txt" not in assets.files
    assert assets.files["home.css"].media_type == "text/css; charset=utf-8"


def test_links_name_the_build_and_nothing_else_is_changed(tmp_path: Path) -> None:
    """So a browser may keep a file for good."""
    assets = load_assets(page_in(tmp_path / "static"))

    link = f'"/static/{assets.build}/home.css"'.encode()
    assert assets.page.content == b"<link href=" + link + b'><a href="/elsewhere">'


def test_a_changed_file_makes_another_build(tmp_path: Path) -> None:
    """Whatever file it is; the same files make the same."""
    first = load_assets(page_in(tmp_path / "first"))
    again = load_assets(page_in(tmp_path / "again"))
    changed = load_assets(page_in(tmp_path / "changed", b"body{color:red}"))

    assert first.build == again.build
    assert first.build != changed.build
