"""Take the picture of the demo's page that the README shows, with Chromium.

make demo
python docs/demo_picture.py [demo/index.html]
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURE = Path(__file__).parent / "images" / "demo.jpg"
WIDTH, HEIGHT = 1200, 2340  # pixels: down to about the end of the second section
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def take_picture(page: Path, picture: Path) -> None:
    """Render the top of a page.

    Args:
        page: an HTML file.
        picture: a JPEG file, which is replaced.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"no browser found: install one of {', '.join(BROWSERS)}")
    with tempfile.TemporaryDirectory() as folder:
        rendered = Path(folder) / "page.png"
        subprocess.run(  # noqa: S603 - a browser that is installed here, and a page of ours
            [
                browser,
                *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                f"--user-data-dir={folder}/profile",
                f"--window-size={WIDTH},{HEIGHT}",
                f"--screenshot={rendered}",
                page.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
        )
        with Image.open(rendered) as image:
            image.convert("RGB").save(picture, "JPEG", quality=78, optimize=True)
    print(f"{picture}: {picture.stat().st_size:,} bytes")


if __name__ == "__main__":
    take_picture(Path(sys.argv[1] if len(sys.argv) > 1 else "demo/index.html"), PICTURE)
