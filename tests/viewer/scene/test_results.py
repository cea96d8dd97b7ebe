"""The results log: its numbers against `neural.evaluate`, what it exports, rows that come and are
restored."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner

from neural.container.reader import open_reader
from neural.errors import UsageError
from neural.evaluate import evaluate
from neural.surface.tile_surface import SurfaceDecoder
from tests.support import hills, mountains
from tests.support.gui_driver import SIZE
from viewer.__main__ import main
from viewer.model.settings import LayerChoice
from viewer.scene import results
from viewer.session.launch import Launch

MEASURES = ("samples", "rmse_m", "mae_m", "max_error_m", "le90_m", "gradient_rmse")


@pytest.mark.parametrize("bits", [None, 4])
def test_a_row_has_the_numbers_of_evaluate(hills_file, bits):
    row = results.measure(hills_file, LayerChoice(0, bits))
    with open_reader(hills_file) as reader:
        exact = SurfaceDecoder(reader, reader.layers[1])
        expected = evaluate(reader, reader.layers[0], exact, bits)
    assert [getattr(row.whole, name) for name in MEASURES] == [expected[name] for name in MEASURES]
    assert row.bits_per_sample == expected["bits_per_sample"]
    assert row.total_bytes == round(expected["stack_bits_per_sample"] * expected["samples"] / 8)
    assert (row.method, row.bits, row.reference) == ("huvr_siren", bits or 8, "Reference")
    assert row.decode_ms > 0
    assert row.view is None


def test_a_reference_layer_has_a_size_but_no_errors_against_itself(hills_file):
    row = results.measure(hills_file, LayerChoice(1))
    assert (row.whole, row.reference) == (None, "")
    with open_reader(hills_file) as reader:
        sizes = reader.sizes()
    assert row.total_bytes == pytest.approx(
        sum(sizes["payload_bytes"][1]) + sizes["directory_bytes"] / 2, rel=0.05
    )


def test_a_file_without_reference_is_measured_against_that_of_the_first(tmp_path, hills_file):
    other = hills.write(tmp_path / "other.ntile", reference=False)
    row = results.measure(other, LayerChoice(0, 5), main=str(hills_file))
    exact = results.measure(hills_file, LayerChoice(0, 5))
    assert row.reference == "Reference"
    assert row.whole.samples == exact.whole.samples
    assert row.whole.rmse_m == pytest.approx(exact.whole.rmse_m, rel=1e-6)
    assert row.whole.gradient_rmse == pytest.approx(exact.whole.gradient_rmse, rel=1e-6)
    alone = results.measure(other, LayerChoice(0))
    assert (alone.whole, alone.reference) == (None, "")
    assert alone.total_bytes > 0


def test_what_raises_in_the_report_ends_the_work(hills_file):
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        results.measure(hills_file, LayerChoice(0), report=stop)


def test_rows_are_exported(tmp_path, hills_file):
    rows = [results.measure(hills_file, LayerChoice(0, bits)) for bits in (None, 3)]
    rows[0].view = results.ResultErrors(10, 0.5, 0.4, 1.0, 0.8)
    results.write(tmp_path / "rows.csv", rows)
    results.write(tmp_path / "rows.json", rows)
    as_json = json.loads((tmp_path / "rows.json").read_text())
    table = list(csv.DictReader(io.StringIO((tmp_path / "rows.csv").read_text())))
    assert len(table) == len(as_json) == 2
    for row, plain, written in zip(rows, as_json, table, strict=True):
        assert list(plain) == list(written)
        assert plain["path"] == written["path"] == str(hills_file)
        assert (plain["keep_bits"], written["bits"]) == (row.keep_bits, str(row.bits))
        assert plain["rmse_m"] == row.whole.rmse_m
        assert float(written["rmse_m"]) == pytest.approx(row.whole.rmse_m, rel=1e-5)
        assert plain["gradient_rmse"] == row.whole.gradient_rmse
    assert (as_json[0]["view_rmse_m"], as_json[1]["view_rmse_m"]) == (0.5, None)
    assert (table[0]["view_rmse_m"], table[1]["view_rmse_m"]) == ("0.5", "")
    with pytest.raises(UsageError, match=r"\.csv or \.json"):
        results.write(tmp_path / "rows.txt", rows)


def test_results_of_both_slots_from_the_command_line(tmp_path, hills_file):
    out = tmp_path / "out.json"
    run = CliRunner().invoke(
        main, [str(hills_file), "--bits", "8", "--bits", "3", "--results", str(out)]
    )
    assert run.exit_code == 0, run.output
    rows = json.loads(out.read_text())
    assert [row["bits"] for row in rows] == [8, 3]
    assert rows[0]["rmse_m"] < rows[1]["rmse_m"]
    assert rows[1]["rmse_m"] == results.measure(hills_file, LayerChoice(0, 3)).whole.rmse_m
    run = CliRunner().invoke(main, [str(hills_file), "--results", str(tmp_path / "out.txt")])
    assert run.exit_code == 2
    assert "give a name that ends so" in run.stderr


def test_rows_come_are_restored_sorted_and_cleared(drive, area, tmp_path, monkeypatch):
    monkeypatch.setattr("viewer.session.results_log.IDLE_S", 0.1)
    out = tmp_path / "results.csv"
    other = mountains.write(tmp_path / "other.ntile")

    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        log = session.results
        driver.press("o")
        driver.settle()
        for bits in (5, 3):
            ctx.item_click(f"//Quantization/bits/{bits}")
            driver.settle()
        assert [(row.layer, row.bits) for row in log.rows] == [(0, 8), (0, 5), (0, 3)]
        views = [row.view.rmse_m for row in log.rows]
        assert views[0] < views[1] < views[2] == pytest.approx(session.errors.rmse_m)
        assert all(row.decode_ms > 0 for row in log.rows)
        ctx.window_focus("//Results")
        ctx.item_click("//Results/Measure all")
        driver.wait(lambda: all(row.whole is not None for row in log.rows))
        with open_reader(area) as reader:
            expected = evaluate(
                reader, reader.layers[0], SurfaceDecoder(reader, reader.layers[1]), 3
            )
        assert log.rows[2].whole.rmse_m == expected["rmse_m"]
        assert log.rows[2].bits_per_sample == expected["bits_per_sample"]

        log.restore(log.rows[1], "B")  # the button B of the row
        assert session.settings.slots == {"A": LayerChoice(0, 3), "B": LayerChoice(0, 5)}
        log.restore(log.rows[0], "A")
        driver.settle()
        assert session.scene.current_choice == LayerChoice(0)
        log.write(str(out))
        assert len(out.read_text().splitlines()) == 4

        app.open_paths([str(other)])  # rows outlive their file
        driver.wait(lambda: session.document.path == other)
        driver.settle()
        assert [row.layer for row in log.rows] == [0, 0, 0, 0]
        log.restore(log.rows[0], "A")
        driver.wait(lambda: not session.files.busy)
        assert "only files in the same one can be compared" in session.messages.entries[-1].text
        ctx.item_click("//Results/Clear")
        assert log.rows == []

    drive(Launch(path=str(area), size=SIZE), steps)


def test_a_small_area_is_measured_by_itself_once_idle(drive, area, monkeypatch):
    monkeypatch.setattr("viewer.session.results_log.IDLE_S", 0.1)

    def steps(driver):
        app = driver.app
        session = app.session
        driver.settle()
        driver.wait(lambda: session.results.rows and session.results.rows[0].whole is not None)
        row = session.results.rows[0]
        assert row.whole.rmse_m > 0.3
        assert np.isfinite(row.whole.gradient_rmse)
        assert row.view is None  # no errors are shown

    drive(Launch(path=str(area), size=SIZE), steps)
    assert hills.TOLERANCE_M < 0.3
