"""Pictures of what is inside: attention, positions, masks, schedules and curves; a page to explore.

Every `draw_...` gives a matplotlib `Figure`, and writes it where `file` names one: .png, .svg or
.pdf, whole or not at all. No window and no `pyplot` is needed. `python -m zoo.visual explore RUN`
opens the page.
"""

from zoo.visual.attention import draw_alignment, draw_head, draw_heads
from zoo.visual.curves import draw_curves, draw_log, draw_schedule
from zoo.visual.figures import save_figure
from zoo.visual.matrices import draw_mask, draw_matrices, draw_positions
from zoo.visual.tokens import visible

__all__ = [
    "draw_alignment",
    "draw_curves",
    "draw_head",
    "draw_heads",
    "draw_log",
    "draw_mask",
    "draw_matrices",
    "draw_positions",
    "draw_schedule",
    "save_figure",
    "visible",
]
