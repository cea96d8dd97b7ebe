"""Standard streams of both commands: any encoding, a full disk, a reader that has gone."""

import json
import os
import subprocess
import sys

import pytest

from assets import ROOT as ASSETS
from neural.system.streams import printable

ROOT = ASSETS.parent
SAMPLE = "assets/samples/carrizo.ntile"
NTILE = (sys.executable, "-m", "neural.cli")
VIEWER = (sys.executable, "-m", "viewer")
PRINTING = [
    (*NTILE, "--help"),
    (*NTILE, "bench", "--help"),
    (*NTILE, "info", SAMPLE),
    (*NTILE, "info", "--json", SAMPLE),
    (*VIEWER, "--help"),
    (*VIEWER, "--version"),
]


def run(command, **options):
    environment = os.environ | options.pop("env", {})
    return subprocess.run(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, timeout=120, **options
    )


@pytest.mark.parametrize("encoding", ["cp1250", "cp866", "shift_jis", "gb2312", "ascii", "utf-16"])
@pytest.mark.parametrize("command", PRINTING[1:5], ids=lambda command: " ".join(command[2:]))
def test_output_in_any_encoding(command, encoding):
    done = run(command, stdout=subprocess.PIPE, env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding)
    if "--json" in command:
        assert json.loads(text)["layers"]
    elif "info" in command:
        assert "505 x 900 cells" in text or "505 × 900 cells" in text
        table = [line for line in text.splitlines() if line.startswith(("|", "│"))]
        assert len({len(line) for line in table}) <= 1


def test_the_c_locale():
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = run(PRINTING[2], stdout=subprocess.PIPE, env=plain)
    assert done.returncode == 0
    assert "505 x 900 cells" in done.stdout.decode("ascii")


def test_a_choice_of_the_user_holds():
    done = run(PRINTING[2], stdout=subprocess.PIPE, env={"PYTHONIOENCODING": "ascii:replace"})
    assert b"505 ? 900 cells" in done.stdout


@pytest.mark.parametrize("text", ["3 × 4 m²", "−5…7 ≥ σ", "a\u00a0b"])
def test_signs_are_replaced_by_their_likes(text):
    said = {"3 × 4 m²": "3 x 4 m2", "−5…7 ≥ σ": "-5...7 >= sigma", "a\u00a0b": "a b"}[text]
    assert printable(text) == said
    assert printable(text, "utf-8") == text


def test_letters_become_escapes_that_name_one_file():
    assert printable("Zürich 地 \U0001f5fb") == r"Z\xfcrich \u5730 \U0001f5fb"
    assert printable("a\udcffb", "utf-8") == r"a\xffb"


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
@pytest.mark.parametrize("encoding", ["utf-8", "cp437", "euc_jp"])
def test_names_that_are_no_text(tmp_path, encoding):
    name = os.path.join(os.fsencode(tmp_path), b"ar\xe9a \xff.ntile")
    with open(os.path.join(ROOT, SAMPLE), "rb") as sample, open(name, "wb") as copy:
        copy.write(sample.read())
    options = {"stdout": subprocess.PIPE, "env": {"PYTHONIOENCODING": encoding}}
    sound = run([*NTILE, "verify", name], **options)
    assert sound.stdout.startswith(name)  # byte by byte, for the shell
    broken = run([*NTILE, "info", name + b"x"], **options)
    assert broken.returncode == 3
    assert rb"ar\xe9a \xff.ntilex" in broken.stderr
    assert b"Traceback" not in broken.stderr
    as_json = run([*NTILE, "verify", "--json", name], **options)
    json.loads(as_json.stdout.decode("ascii"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", PRINTING, ids=lambda command: " ".join(command[2:]))
def test_a_full_disk_is_one_sentence(command, unbuffered):
    with open("/dev/full", "wb") as full:
        done = run(command, stdout=full, env={"PYTHONUNBUFFERED": unbuffered})
    assert done.returncode == 3
    (line,) = done.stderr.decode().splitlines()
    assert line.endswith("(No space left on device); send it elsewhere.")


@pytest.mark.skipif(os.name != "posix", reason="pipes as POSIX has them")
@pytest.mark.parametrize("command", PRINTING, ids=lambda command: " ".join(command[2:]))
def test_a_reader_that_has_gone_ends_it_in_silence(command):
    reading, writing = os.pipe()
    os.close(reading)
    done = run(command, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_lost_messages_do_not_end_the_work(tmp_path):
    with open("/dev/full", "wb") as full:
        command = [*NTILE, "decode", SAMPLE, str(tmp_path / "out.tif")]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=full, timeout=120)
        assert done.returncode == 0
        missing = subprocess.run([*NTILE, "info", "none"], cwd=ROOT, stderr=full, timeout=120)
        assert missing.returncode == 3


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_closed_streams():
    for redirection in (">&-", "2>&-", ">&- 2>&-"):
        command = f"{sys.executable} -m neural.cli info {SAMPLE} {redirection}"
        done = run(["sh", "-c", command], stdout=subprocess.PIPE)
        assert (done.returncode, done.stderr) == (0, b"")
