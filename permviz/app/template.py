"""The frame of a served page: scripts that make it load sooner and rest when nothing happens.

FilePond asks for every frame of the screen from the moment that it is loaded, and a page at
which nothing happens would be put together sixty times a second. It joins a clock that is
there already, and moves as often.

Panel loads its parts through a loader for browsers that do not know import maps: that reads
all of their source once more before the browser may compile it. Where the widgets come as one
bundle nothing is imported by a name, so the browser's own import does, and it can have that
bundle in good time.
"""

import panel_material_ui as pmui
from bokeh.document import Document

TEMPLATE = """{% extends base %}
{% block preamble %}{{ super() }}
{% if largest_part %}<link rel="modulepreload" href="{{ largest_part }}">{% endif %}
<script>
  (clock => {
    window.__framePainter = clock;
    setInterval(() => {
      clock.readers.forEach(read => read());
      clock.writers.forEach(write => write(performance.now()));
    }, 16);
  })({readers: [], writers: []});
</script>
{% endblock %}
{% block js_resources %}{{ super() }}
{% if largest_part %}<script>
  window.importShim = Object.assign(
    url => import(new URL(url, document.baseURI)), {addImportMap: () => {}},
  );
</script>{% endif %}
{% endblock %}
"""


def announce_largest_part(document: Document) -> None:
    """Name the bundle of all widgets in the page's head."""
    bundle = pmui.Page._render_esm(server=True)  # noqa: SLF001 - nothing public tells
    # What is no file of this server may import by name, for which the loader stays.
    if bundle and bundle.startswith("./"):
        document.template_variables["largest_part"] = bundle
