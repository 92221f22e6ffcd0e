"""``spikestudio lessons``: what there is, handouts for paper, answers, and what a class answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikestudio.cli.console import fail, print_json, progress, stdout

if TYPE_CHECKING:
    from spikestudio.lessons.lesson import Lesson
    from spikestudio.lessons.summary import ClassSummary

app = typer.Typer(help="Lessons: list them, print handouts, export and sum up answers.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Language = Annotated[str, typer.Option(help="Language, such as en; English where it is missing.")]


@app.command("list")
def list_(language: Language = "en", as_json: Json = False) -> None:
    """List the lessons that come with SpikeStudio; one that cannot be used says why."""
    from rich.table import Table
    from rich.text import Text

    from spikestudio.lessons import shelf

    entries = shelf.bundled()
    lessons = [entry.lesson for entry in entries if entry.lesson is not None]
    problems = [(entry.folder.name, entry.problem) for entry in entries if entry.lesson is None]
    if as_json:
        found = [
            {
                "id": lesson.id,
                "title": lesson.title(language),
                "summary": lesson.summary(language),
                "level": lesson.level,
                "minutes": lesson.minutes,
                "pages": len(lesson.pages),
                "questions": sum(page.predict is not None for page in lesson.pages),
                "languages": sorted(lesson.words),
            }
            for lesson in lessons
        ]
        print_json({"lessons": found, "problems": [{"folder": f, "why": w} for f, w in problems]})
        return
    table = Table(box=None, pad_edge=False)
    for name in ("lesson", "title", "level", "minutes", "pages", "questions"):
        is_number = name in ("minutes", "pages", "questions")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for lesson in lessons:
        questions = sum(page.predict is not None for page in lesson.pages)
        numbers = (str(each) for each in (lesson.minutes, len(lesson.pages), questions))
        table.add_row(lesson.id, Text(lesson.title(language)), lesson.level, *numbers)
    stdout().print(table)
    for folder, why in problems:
        stdout().print(f"{folder}: {why}", markup=False, soft_wrap=True)


@app.command()
def handout(
    lesson: Annotated[
        str, typer.Argument(metavar="LESSON", help="Id of a lesson, or the folder of one's own.")
    ],
    out: Annotated[Path, typer.Option(help="The page to write, such as handout.html.")],
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Write a lesson for paper: its text, figures of real runs, questions, and a glossary.

    One HTML page that needs no network. Print it from a browser; the window writes PDF as well.
    """
    from spikestudio.atomic import check_writable
    from spikestudio.lessons.handout import save_html

    _check_suffix(out, ".html", "a PDF is made in the window, or by printing the page")
    found = _lesson(lesson)
    check_writable(out)
    with progress() as bar:
        task = bar.add_task("Drawing", total=len(found.pages))
        save_html(
            out,
            found,
            language,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        print_json({"lesson": found.id, "handout": str(out), "pages": len(found.pages)})
    else:
        _say(f"Wrote {out}.")


@app.command()
def answers(
    out: Annotated[Path, typer.Option(help="The file to write: a table .csv, or a page .html.")],
    name: Annotated[str, typer.Option(help="Your name; it is in this file and kept nowhere.")] = "",
    lesson: Annotated[
        list[str] | None, typer.Option(help="Id of a lesson; repeat it for more. All if left out.")
    ] = None,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Export what was answered on this computer, to hand it in. Nothing is sent anywhere."""
    from spikestudio.lessons import shelf
    from spikestudio.lessons.answers import collect, save_csv
    from spikestudio.lessons.progress import ProgressStore
    from spikestudio.lessons.writing import plural

    is_page = out.suffix.lower() in (".html", ".htm")
    if not is_page:
        _check_suffix(out, ".csv", "a table ends in .csv, a page in .html")
    lessons = [_lesson(each) for each in lesson] if lesson else _bundled()
    store = ProgressStore(shelf.progress_folder())
    found = collect(lessons, lambda each: store.load(each.id), name, language)
    if store.notice:
        fail(store.notice)
    if is_page:
        from spikestudio.lessons.pages import save_answers

        save_answers(out, found)
    else:
        save_csv(out, found)
    answered = sum(row.predicted is not None for row in found.rows)
    if as_json:
        print_json({"answers": str(out), "pages": len(found.rows), "answered": answered})
    else:
        pages = plural(len(found.rows), "page")
        _say(f"Wrote {out}: {plural(answered, 'answer')} on {pages}.")


@app.command()
def summary(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder of the answers that were handed in.")
    ],
    out: Annotated[Path, typer.Option(help="The page to write, such as class.html.")],
    csv: Annotated[
        Path | None, typer.Option(help="Also write every answer as a table, such as class.csv.")
    ] = None,
    students: Annotated[
        Path | None,
        typer.Option(help="Names of the class, one a line; else students.txt in the folder."),
    ] = None,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Sum up a class: a histogram for every question, who is missing, and who handed in twice.

    Files that cannot be used are listed with the reason; the others count.
    """
    from spikestudio.atomic import check_writable
    from spikestudio.lessons.pages import save_summary
    from spikestudio.lessons.summary import save_csv, summarise

    _check_suffix(out, ".html", "and --csv writes the table")
    for path in (out, csv):
        if path is not None:
            check_writable(path)
    with progress() as bar:
        task = bar.add_task("Reading", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        found = summarise(folder, _bundled(), students, language, progress=show)
        bar.reset(task, description="Drawing", total=len(found.questions))
        save_summary(out, found, progress=show)
        if csv is not None:
            save_csv(csv, found)
    if as_json:
        print_json({"summary": str(out), "csv": str(csv) if csv else None, **_counts(found)})
    else:
        _tell(out, found)


def _counts(found: ClassSummary) -> dict[str, object]:
    return {
        "students": len(found.handed),
        "without_a_name": found.num_nameless,
        "questions": len(found.questions),
        "missing": None if found.missing is None else list(found.missing),
        "unlisted": None if found.unlisted is None else list(found.unlisted),
        "repeated": [{"name": name, "files": list(files)} for name, files in found.repeated],
        "refused": [{"file": name, "why": why} for name, why in found.refused],
    }


def _tell(out: Path, found: ClassSummary) -> None:
    from spikestudio.lessons.writing import plural

    students, questions = plural(len(found.handed), "student"), len(found.questions)
    _say(f"Wrote {out}: {students}, {plural(questions, 'question')}.")
    if found.missing:
        _say(f"Missing: {', '.join(found.missing)}.")
    for name, files in found.repeated:
        _say(f"{name} handed in more than once, the newest counts: {', '.join(files)}.")
    for file, why in found.refused:
        _say(f"{file} could not be used: {why}.")


def _say(text: str) -> None:
    stdout().print(text, soft_wrap=True, markup=False)


def _check_suffix(path: Path, suffix: str, otherwise: str) -> None:
    from spikestudio.errors import ConfigError

    if path.suffix.lower() != suffix:
        raise ConfigError(f"{path} does not end in {suffix}: {otherwise}.", field="out")


def _bundled() -> list[Lesson]:
    from spikestudio.lessons import shelf

    return [entry.lesson for entry in shelf.bundled() if entry.lesson is not None]


def _lesson(name: str) -> Lesson:
    """Return a lesson by its id or its folder; raises ``ConfigError`` or ``LessonError``."""
    from spikestudio.errors import ConfigError
    from spikestudio.lessons.reading import FILE, read

    if (Path(name) / FILE).is_file():
        return read(Path(name))
    lessons = _bundled()
    found = next((each for each in lessons if each.id == name), None)
    if found is None:
        names = ", ".join(each.id for each in lessons)
        raise ConfigError(f"There is no lesson {name!r}: choose one of {names}.", field="lesson")
    return found
