"""Pages in HTML: the templates of this part, on the ground of `analysis`'."""

from __future__ import annotations

import jinja2


def template(name: str) -> jinja2.Template:
    """Return a template by its file's name; what it is given is escaped, and what it lacks an error."""
    rooms = jinja2.ChoiceLoader([jinja2.PackageLoader("training"), jinja2.PackageLoader("analysis")])
    environment = jinja2.Environment(loader=rooms, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template(name)
