"""The window; the only place for Qt.

PySide6 reads the source of every module that is imported after it, which makes those
imports a quarter slower. What needs no Qt is therefore imported here, before it.
"""

import earmark.audio.transport
import earmark.core.plugins
import earmark.core.project
import earmark.engine.queue
import earmark.models.library  # noqa: F401 - see above
