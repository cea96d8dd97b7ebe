"""Results: size, error and decode time of every layer and bit depth tried; a click shows it
again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import theme, widgets
from viewer.model import text
from viewer.model.settings import SLOTS
from viewer.panels.panel import Panel
from viewer.scene.results import Result, ResultErrors

if TYPE_CHECKING:
    from viewer.session.protocols import ResultsView

COMMANDS_EM = 12.5
"""Width of the commands beside the table."""

_FLAGS = (
    imgui.TableFlags_.sortable
    | imgui.TableFlags_.row_bg
    | imgui.TableFlags_.scroll_y
    | imgui.TableFlags_.scroll_x
    | imgui.TableFlags_.sizing_fixed_fit
    | imgui.TableFlags_.no_host_extend_x
    | imgui.TableFlags_.hideable
    | imgui.TableFlags_.sort_tristate
)


def draw(view: ResultsView) -> None:
    """Draw the table and the commands beside it."""
    room = -COMMANDS_EM * hello_imgui.em_size()
    if not view.results.rows:
        widgets.dim("Every layer and bit depth shown becomes a row here.")
    elif imgui.begin_table("results", len(_COLUMNS) + 1, _FLAGS, ImVec2(room, 0)):
        _table(view)
        imgui.end_table()
        imgui.same_line()
    imgui.begin_group()
    _commands(view)
    imgui.end_group()


def _commands(view: ResultsView) -> None:
    """Draw the choice of errors listed, and the commands on the rows."""
    log = view.results
    log.whole = bool(widgets.pills("errors", int(log.whole), ("In view", "Whole area"), _TIPS))
    imgui.begin_disabled(not log.rows)
    if imgui.small_button("Measure all"):
        view.run("results.measure_all")
    widgets.tip(
        "Measure errors of every row over the whole area, as ntile evaluate does, on a worker "
        "thread."
    )
    imgui.same_line()
    if imgui.small_button("Clear"):
        view.run("results.clear")
    for suffix in (".csv", ".json"):
        if suffix != ".csv":
            imgui.same_line()
        if imgui.small_button(f"{suffix[1:].upper()}…"):
            view.dialogs.save(
                "Save results", suffix, lambda path: _save(view, path), f"results{suffix}"
            )
        widgets.tip("All rows, with errors in view and over the whole area.")
    imgui.end_disabled()


_TIPS = (
    "Errors over the view in which each row was last measured; views may differ between rows.",
    "Errors over all samples of the finest level; small areas are measured automatically.",
)


def _table(view: ResultsView) -> None:
    imgui.table_setup_scroll_freeze(1, 1)
    imgui.table_setup_column(
        "Show", imgui.TableColumnFlags_.no_sort | imgui.TableColumnFlags_.no_hide
    )
    for title, _, _, _ in _COLUMNS:
        imgui.table_setup_column(title)
    imgui.table_next_row(imgui.TableRowFlags_.headers)
    for number, title in enumerate(("Show", *(title for title, *_ in _COLUMNS))):
        imgui.table_set_column_index(number)
        imgui.table_header(title)
        if number:
            widgets.tip(_COLUMNS[number - 1][3])
    for row in _sorted(view):
        imgui.table_next_row()
        imgui.push_id(repr(row.key))
        imgui.table_next_column()
        for slot in SLOTS:
            if slot != SLOTS[0]:
                imgui.same_line(0, 0.3 * hello_imgui.em_size())
            if imgui.small_button(slot):
                view.run("results.restore", row, slot)
            widgets.tip(f"Put this into slot {slot}.")
        for number, (_, value, formatted, _) in enumerate(_COLUMNS):
            imgui.table_next_column()
            words = formatted(value(view, row), view, row)
            if number == 0:
                flags = (
                    imgui.SelectableFlags_.span_all_columns | imgui.SelectableFlags_.allow_overlap
                )
                if imgui.selectable(words, False, flags)[0]:
                    view.run("results.restore", row, view.settings.active)
                widgets.tip(
                    f"{row.path}: click to put it into the active slot, {view.settings.active}."
                )
            else:
                imgui.text_colored(
                    theme.rgba(theme.DIM if words in (text.DASH, _BUSY) else theme.TEXT), words
                )
        imgui.pop_id()


def _sorted(view: ResultsView) -> list[Result]:
    """Return the rows in the order of the table's sort specs; unknown values last."""
    rows = list(view.results.rows)
    specs = imgui.table_get_sort_specs()
    if specs is None or specs.specs_count == 0:
        return rows
    spec = specs.get_specs(0)
    if spec.column_index == 0:
        return rows
    value = _COLUMNS[spec.column_index - 1][1]
    measured = [row for row in rows if value(view, row) is not None]
    down = spec.sort_direction == imgui.SortDirection.descending
    return sorted(measured, key=lambda row: value(view, row), reverse=down) + [
        r for r in rows if value(view, r) is None
    ]


def _save(view: ResultsView, path: str) -> None:
    view.messages.report_errors(lambda: view.results.write(path), f"Saved {path}.")


_BUSY = "…"

Value = Callable[["ResultsView", Result], Any]
Format = Callable[[Any, "ResultsView", Result], str]


def _error(name: str) -> Value:
    def value(view: ResultsView, row: Result) -> Any:
        errors: ResultErrors | None = row.whole if view.results.whole else row.view
        return None if errors is None else getattr(errors, name)

    return value


def _field(name: str) -> Value:
    return lambda view, row: getattr(row, name)


def _plain(value: Any, view: ResultsView, row: Result) -> str:
    return text.DASH if value is None else str(value)


def _number(form: str) -> Format:
    def formatted(value: Any, view: ResultsView, row: Result) -> str:
        if value is not None:
            return form.format(value)
        return _BUSY if view.results.measuring(row) else text.DASH

    return formatted


def _size(value: Any, view: ResultsView, row: Result) -> str:
    return _number("")(None, view, row) if value is None else text.data_size(value)


_COLUMNS: tuple[tuple[str, Value, Format, str], ...] = (
    ("File", lambda view, row: Path(row.path).stem, _plain, "The file."),
    ("Layer", _field("label"), _plain, "Layer and bits."),
    ("Bits", _field("bits"), _plain, "Bits kept of each stored value."),
    ("Bits/sample", _field("bits_per_sample"), _number("{:.3f}"), "Payloads of the finest level."),
    (
        "All levels",
        _field("stack_bits_per_sample"),
        _number("{:.3f}"),
        "Bits per sample of all levels and directory.",
    ),
    (
        "Size",
        _field("total_bytes"),
        _size,
        "Payloads of all levels and their part of the directory.",
    ),
    ("RMSE m", _error("rmse_m"), _number("{:.4f}"), "Root mean square of decoded − reference."),
    ("MAE m", _error("mae_m"), _number("{:.4f}"), "Mean absolute error."),
    ("LE90 m", _error("le90_m"), _number("{:.4f}"), "90 % of the absolute errors are smaller."),
    ("Max m", _error("max_error_m"), _number("{:.3f}"), "The largest absolute error."),
    (
        "Slope RMSE",
        _error("gradient_rmse"),
        _number("{:.4f}"),
        "Error of slopes, m/m; of the whole area only.",
    ),
    ("ms/tile", _field("decode_ms"), _number("{:.1f}"), "Mean time to read and decode a tile."),
    (
        "Against",
        _field("reference"),
        lambda value, view, row: value or text.DASH,
        "Reference of the errors.",
    ),
)
"""Title, sort key, format, explanation."""


PANEL = Panel("Results", dock="Bottom", needs_document=False, draw=draw)
