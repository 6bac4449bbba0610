"""Fills the templates of the pages; what comes from files enters them as text."""

import base64
import io
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from PIL import Image

from pipeline.data.images import ImageArray

QUALITY = 85  # of WebP, 0..100


def page_environment() -> Environment:
    """Finds templates in this room and escapes all values; a name without a value is an error."""
    environment = Environment(
        loader=FunctionLoader(read_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["uri"] = data_uri
    return environment


def read_template(name: str) -> str:
    """The text of a file of this room."""
    return files("pipeline.report").joinpath(name).read_text(encoding="utf-8")


def render_template(name: str, **values: Any) -> str:
    """The page that a template makes of `values`."""
    return page_environment().get_template(name).render(**values)


def data_uri(image: ImageArray) -> str:
    """An image (H, W, 3) as the address of an `<img>`."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
