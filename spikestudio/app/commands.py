"""The commands of the window as a table: names, icons, what they do, and their first keys."""

from __future__ import annotations

from dataclasses import dataclass

from spikestudio.language import tr


@dataclass(frozen=True, slots=True)
class Command:
    """One command; ``tip`` is a sentence that the tooltip shows before the keys."""

    id: str
    text: str
    icon: str
    tip: str
    keys: tuple[str, ...] = ()
    token: str = "text"


COMMANDS = (
    Command(
        "sample",
        tr("Sample"),
        "mdi6.play",
        tr("Draw images with these settings"),
        ("Ctrl+Return",),
        token="on_accent",
    ),
    Command(
        "sample-next",
        tr("Queue in front"),
        "mdi6.playlist-plus",
        tr("Draw images with these settings before all that wait in the queue"),
        ("Ctrl+Shift+Return",),
    ),
    Command(
        "pause", tr("Pause"), "mdi6.pause", tr("Wait before the next denoising step"), ("Space",)
    ),
    Command(
        "step",
        tr("Step"),
        "mdi6.skip-next",
        tr("Do one denoising step, then wait"),
        ("Ctrl+Right",),
    ),
    Command(
        "cancel",
        tr("Cancel"),
        "mdi6.stop",
        tr("Stop the run and keep what it has"),
        ("Ctrl+Alt+Return", "Shift+X"),
    ),
    Command(
        "roll-seed", tr("New seed"), "mdi6.dice-5-outline", tr("Draw another seed"), ("Ctrl+R",)
    ),
    Command(
        "open",
        tr("Open file…"),
        "mdi6.folder-open-outline",
        tr("Load a checkpoint, or open a recording"),
        ("Ctrl+O",),
    ),
    Command(
        "record",
        tr("Record to file…"),
        "mdi6.record-circle-outline",
        tr("Stream the next runs to a recording, which can be opened again"),
        ("Ctrl+Shift+R",),
    ),
    Command(
        "export",
        tr("Export…"),
        "mdi6.export-variant",
        tr("Look at pictures, figures and numbers of this run, and save them"),
        ("Ctrl+E",),
    ),
    Command(
        "export-raster",
        tr("Export raster…"),
        "mdi6.barcode",
        tr("Save the raster of the chosen layer"),
        ("Ctrl+Shift+E",),
    ),
    Command(
        "copy-python",
        tr("Copy as Python"),
        "mdi6.language-python",
        tr("Copy the program that repeats this run"),
    ),
    Command(
        "copy-command",
        tr("Copy as command line"),
        "mdi6.console",
        tr("Copy the command that repeats this run"),
    ),
    Command(
        "palette",
        tr("Command palette"),
        "mdi6.magnify",
        tr("Type a few letters of a command, layout, dock or model"),
        ("Ctrl+Shift+P",),
    ),
    Command(
        "find",
        tr("Find"),
        "mdi6.magnify",
        tr("Find a layer, a neuron by its number, or a command"),
        ("Ctrl+F",),
    ),
    Command(
        "next-dock", tr("Next dock"), "mdi6.page-next-outline", tr("Go to the next dock"), ("F6",)
    ),
    Command(
        "previous-dock",
        tr("Previous dock"),
        "mdi6.page-previous-outline",
        tr("Go to the dock before"),
        ("Shift+F6",),
    ),
    Command(
        "next-tab",
        tr("Next tab"),
        "mdi6.tab",
        tr("Show the next one of the docks that share this place"),
        ("Ctrl+PgDown",),
    ),
    Command(
        "previous-tab",
        tr("Previous tab"),
        "mdi6.tab",
        tr("Show the one before of the docks that share this place"),
        ("Ctrl+PgUp",),
    ),
    Command(
        "snn-back",
        tr("SNN step back"),
        "mdi6.chevron-left",
        tr("One SNN time step back"),
        ("Left", "A"),
    ),
    Command(
        "snn-forward",
        tr("SNN step on"),
        "mdi6.chevron-right",
        tr("One SNN time step on"),
        ("Right", "D"),
    ),
    Command(
        "step-back",
        tr("Denoising step back"),
        "mdi6.chevron-double-left",
        tr("One denoising step back"),
        ("Shift+Left",),
    ),
    Command(
        "step-forward",
        tr("Denoising step on"),
        "mdi6.chevron-double-right",
        tr("One denoising step on"),
        ("Shift+Right",),
    ),
    Command(
        "first", tr("First moment"), "mdi6.page-first", tr("Look at the first moment"), ("Home",)
    ),
    Command(
        "last", tr("Newest moment"), "mdi6.page-last", tr("Look at the newest moment"), ("End",)
    ),
    Command(
        "live",
        tr("Follow live"),
        "mdi6.access-point",
        tr("Show the newest step as it comes"),
        ("L",),
    ),
    Command(
        "play", tr("Play the timeline"), "mdi6.play", tr("Play what was computed, or stop that")
    ),
    Command("faster", tr("Play faster"), "mdi6.speedometer", tr("The next higher speed"), ("Up",)),
    Command(
        "slower", tr("Play slower"), "mdi6.speedometer-slow", tr("The next lower speed"), ("Down",)
    ),
    Command(
        "bookmark",
        tr("Bookmark"),
        "mdi6.bookmark-outline",
        tr("Mark this moment, or take that away"),
        ("B",),
    ),
    Command(
        "next-neuron",
        tr("Next neuron"),
        "mdi6.arrow-down",
        tr("Watch the neuron of the next row of the raster"),
        ("N",),
    ),
    Command(
        "previous-neuron",
        tr("Previous neuron"),
        "mdi6.arrow-up",
        tr("Watch the neuron of the row before"),
        ("Shift+N",),
    ),
    Command(
        "compare-mode",
        tr("Compare another way"),
        "mdi6.compare",
        tr("Side by side, slider, difference: the next of them"),
        ("M",),
    ),
    Command(
        "swap",
        tr("Exchange A and B"),
        "mdi6.swap-horizontal",
        tr("Exchange the two runs compared"),
        ("C",),
    ),
    Command(
        "image-info",
        tr("Image information"),
        "mdi6.information-outline",
        tr("How the images of the run that is shown were made"),
        ("I",),
    ),
    Command(
        "recall-all",
        tr("Recall all settings"),
        "mdi6.restore",
        tr("Put all settings of the run chosen in the history into the sampler"),
        ("Alt+A",),
    ),
    Command(
        "recall-seed",
        tr("Recall the seed"),
        "mdi6.seed-outline",
        tr("Put the seed of the run chosen in the history into the sampler"),
        ("Alt+S",),
    ),
    Command(
        "remix",
        tr("Remix"),
        "mdi6.shuffle-variant",
        tr("Put all settings but the seed of the run chosen in the history into the sampler"),
        ("Alt+R",),
    ),
    Command(
        "toggle-theme",
        tr("Dark or light"),
        "mdi6.brightness-6",
        tr("Switch the theme"),
        ("Ctrl+Shift+T",),
    ),
    Command(
        "high-contrast",
        tr("High contrast"),
        "mdi6.contrast-circle",
        tr("Stronger colours and borders, in the dark and in the light theme"),
    ),
    Command(
        "reset-layout", tr("Reset layout"), "mdi6.restore", tr("Put every dock back in its place")
    ),
    Command(
        "present",
        tr("Present this dock"),
        "mdi6.presentation",
        tr("Fill the screen with the dock in use; Escape goes back"),
        ("Ctrl+F11",),
    ),
    Command(
        "present-mode",
        tr("Present"),
        "mdi6.presentation-play",
        tr("Hide bars and titles, write large and fill the screen; Escape goes back"),
        ("F5",),
    ),
    Command(
        "pointer-ring",
        tr("Ring around the pointer"),
        "mdi6.circle-outline",
        tr("Surround the pointer in presentations, or no longer"),
    ),
    Command(
        "second-window",
        tr("Dock to the second window"),
        "mdi6.monitor-multiple",
        tr("Show the dock in use in a second window, for a second screen, or bring it back"),
        ("Shift+F5",),
    ),
    Command(
        "lessons",
        tr("Lessons…"),
        "mdi6.school-outline",
        tr("From one neuron to a spiking diffusion model, step by step on the real networks"),
        ("Ctrl+L",),
    ),
    Command(
        "export-answers",
        tr("Export answers…"),
        "mdi6.account-arrow-up-outline",
        tr("Save what you predicted and measured in the lessons, to hand it in"),
    ),
    Command(
        "class-summary",
        tr("Class summary…"),
        "mdi6.account-group-outline",
        tr("Sum up a folder of exported answers: a histogram for every question"),
    ),
    Command(
        "handout",
        tr("Handout…"),
        "mdi6.file-document-edit-outline",
        tr("Save the open lesson for paper, with figures and room for predictions"),
    ),
    Command(
        "open-pack",
        tr("Open lesson pack…"),
        "mdi6.package-variant-closed",
        tr("Work through a lesson that a teacher made"),
    ),
    Command(
        "make-pack",
        tr("Lesson pack editor…"),
        "mdi6.package-variant",
        tr("Make a lesson of what you see: locked values, pages, questions"),
    ),
    Command(
        "help", tr("Help for this dock"), "mdi6.help-circle-outline", tr("What this shows"), ("F1",)
    ),
    Command("shortcuts", tr("Shortcuts"), "mdi6.keyboard-outline", tr("All keys"), ("?",)),
    Command(
        "keys", tr("Change keys…"), "mdi6.keyboard-settings-outline", tr("Give commands other keys")
    ),
    Command("quit", tr("Quit"), "mdi6.exit-to-app", tr("Close the window"), ("Ctrl+Q",)),
    Command(
        "save-session",
        tr("Save session"),
        "mdi6.content-save-outline",
        tr("Keep runs, notes and settings in a file that can be opened again"),
        ("Ctrl+S",),
    ),
    Command(
        "save-session-as",
        tr("Save session as…"),
        "mdi6.content-save-edit-outline",
        tr("Keep the session in another file"),
        ("Ctrl+Shift+S",),
    ),
    Command(
        "report",
        tr("Report…"),
        "mdi6.file-document-outline",
        tr("Write one page with all runs, figures and notes of the session"),
    ),
    Command(
        "undo-settings",
        tr("Undo settings"),
        "mdi6.undo",
        tr("Take back the last change of settings"),
    ),
    Command(
        "redo-settings", tr("Redo settings"), "mdi6.redo", tr("Change again what was taken back")
    ),
)
