"""Every setting tried: what it takes, how far it is off, how long it decodes; a click shows it
again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgui_bundle import ImVec2, hello_imgui, imgui

from neural.errors import NtileError
from viewer.gui import theme, widgets
from viewer.model import text
from viewer.model.settings import SLOTS
from viewer.scene.results import Result, ResultErrors

if TYPE_CHECKING:
    from viewer.app import App

TITLE = "Results"
DOCK = "Bottom"

COMMANDS_EM = 12.5
"""Room for the commands beside the table."""

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


def draw(app: App) -> None:
    """The table, and beside it the commands."""
    room = -COMMANDS_EM * hello_imgui.em_size()
    if not app.results.rows:
        widgets.dim("Every layer and number of bits that is shown becomes a row here.")
    elif imgui.begin_table("results", len(_COLUMNS) + 1, _FLAGS, ImVec2(room, 0)):
        _table(app)
        imgui.end_table()
        imgui.same_line()
    imgui.begin_group()
    _commands(app)
    imgui.end_group()


def _commands(app: App) -> None:
    """Which errors are listed, and what can be done with the rows."""
    log = app.results
    log.whole = bool(widgets.pills("errors", int(log.whole), ("In view", "Whole area"), _TIPS))
    imgui.begin_disabled(not log.rows)
    if imgui.small_button("Measure all"):
        for row in log.rows:
            log.measure(row)
    widgets.tip(
        "Errors of every row over the whole area, as ntile evaluate measures them; a worker "
        "does it."
    )
    imgui.same_line()
    if imgui.small_button("Clear"):
        log.clear()
    for suffix in (".csv", ".json"):
        if suffix != ".csv":
            imgui.same_line()
        if imgui.small_button(f"{suffix[1:].upper()}…"):
            app.dialogs.save(
                "Save results", suffix, lambda path: _save(app, path), f"results{suffix}"
            )
        widgets.tip("All rows, with errors in view and over the whole area.")
    imgui.end_disabled()


_TIPS = (
    "Errors over what was in view when each row was last measured there: views may differ from "
    "row to row.",
    "Errors over all samples of the finest level; small areas are measured by themselves.",
)


def _table(app: App) -> None:
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
    for row in _sorted(app):
        imgui.table_next_row()
        imgui.push_id(repr(row.key))
        imgui.table_next_column()
        for slot in SLOTS:
            if slot != SLOTS[0]:
                imgui.same_line(0, 0.3 * hello_imgui.em_size())
            if imgui.small_button(slot):
                app.results.restore(app, row, slot)
            widgets.tip(f"Put this into slot {slot}.")
        for number, (_, value, shown, _) in enumerate(_COLUMNS):
            imgui.table_next_column()
            words = shown(value(app, row), app, row)
            if number == 0:
                flags = (
                    imgui.SelectableFlags_.span_all_columns | imgui.SelectableFlags_.allow_overlap
                )
                if imgui.selectable(words, False, flags)[0]:
                    app.results.restore(app, row, app.settings.active)
                widgets.tip(
                    f"{row.path}: a click puts it into the active slot, {app.settings.active}."
                )
            else:
                imgui.text_colored(
                    theme.rgba(theme.DIM if words in (text.DASH, _BUSY) else theme.TEXT), words
                )
        imgui.pop_id()


def _sorted(app: App) -> list[Result]:
    """The rows as the column heads ask; unknown values last."""
    rows = list(app.results.rows)
    specs = imgui.table_get_sort_specs()
    if specs is None or specs.specs_count == 0:
        return rows
    spec = specs.get_specs(0)
    if spec.column_index == 0:
        return rows
    value = _COLUMNS[spec.column_index - 1][1]
    known = [row for row in rows if value(app, row) is not None]
    down = spec.sort_direction == imgui.SortDirection.descending
    return sorted(known, key=lambda row: value(app, row), reverse=down) + [
        r for r in rows if value(app, r) is None
    ]


def _save(app: App, path: str) -> None:
    try:
        app.results.write(path)
    except NtileError as error:
        app.messages.error(str(error))
        return
    app.messages.info(f"Saved {path}.")


_BUSY = "…"

Value = Callable[["App", Result], Any]
Shown = Callable[[Any, "App", Result], str]


def _error(name: str) -> Value:
    def value(app: App, row: Result) -> Any:
        errors: ResultErrors | None = row.whole if app.results.whole else row.view
        return None if errors is None else getattr(errors, name)

    return value


def _field(name: str) -> Value:
    return lambda app, row: getattr(row, name)


def _plain(value: Any, app: App, row: Result) -> str:
    return text.DASH if value is None else str(value)


def _number(form: str) -> Shown:
    def shown(value: Any, app: App, row: Result) -> str:
        if value is not None:
            return form.format(value)
        return _BUSY if app.results.measuring(row) else text.DASH

    return shown


def _size(value: Any, app: App, row: Result) -> str:
    return _number("")(None, app, row) if value is None else text.data_size(value)


_COLUMNS: tuple[tuple[str, Value, Shown, str], ...] = (
    ("File", lambda app, row: Path(row.path).stem, _plain, "The file."),
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
        lambda value, app, row: value or text.DASH,
        "What errors are measured against.",
    ),
)
"""Title, value to sort by, how it is shown, explanation."""
