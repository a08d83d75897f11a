"""The menus: files, view, help. Every action has a tooltip, and the frequent ones a shortcut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QMessageBox

from engine.errors import Refused
from engine.recipe import read_recipe
from engine.techniques import TECHNIQUES
from gui.theme import is_dark, use

if TYPE_CHECKING:
    from gui.window import MainWindow

FILTER = "*.yaml *.yml"


class Menus(QObject):
    """Fills the window's menu bar; its actions do what the names say."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        bar = window.menuBar()
        self._file(bar.addMenu(self.tr("&File")))
        self._run(bar.addMenu(self.tr("&Run")))
        self._view(bar.addMenu(self.tr("&View")))
        self._help(bar.addMenu(self.tr("&Help")))
        for menu in bar.findChildren(QMenu):
            menu.setToolTipsVisible(True)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_system)

    def open_recipe(self, path: Path) -> None:
        """Show a recipe file in the column, or say why it cannot be read."""
        try:
            self._window.session.set_recipe(read_recipe(path))
        except Refused as refusal:
            self._window.conductor.say(str(refusal), "error")

    def save_recipe(self, path: Path) -> None:
        """Write the recipe as YAML."""
        try:
            path.write_text(self._window.session.recipe.to_yaml(), encoding="utf-8")
        except OSError as error:
            text = self.tr("The recipe could not be saved: {0}. Choose another place.")
            self._window.conductor.say(text.format(error), "error")

    def choose_theme(self, choice: str) -> None:
        """Light, dark, or as the desktop says; remembered."""
        self._window.settings.set_theme(choice)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        use(app, dark=is_dark(choice))

    def _file(self, menu: QMenu) -> None:
        keys = QKeySequence.StandardKey
        self._add(menu, self.tr("Open recipe…"), self.tr("Read a recipe file."), self._ask_open, keys.Open)
        self._add(
            menu, self.tr("Save recipe…"), self.tr("Write the recipe for the command line."), self._ask_save, keys.Save
        )
        menu.addSeparator()
        help = self.tr("Take the selected run's model away in a folder.")
        self._add(menu, self.tr("Export…"), help, self._window.conductor.export_selected, "Ctrl+E")
        menu.addSeparator()
        self._add(menu, self.tr("Quit"), self.tr("Close the window and end the engine."), self._window.close, "Ctrl+Q")

    def _run(self, menu: QMenu) -> None:
        do = self._window.conductor
        self._add(menu, self.tr("Run"), self.tr("Run the recipe."), do.run, "Ctrl+R")
        self._add(menu, self.tr("Cancel"), self.tr("Stop the run that is going."), do.cancel, "Esc")

    def _view(self, menu: QMenu) -> None:
        group = QActionGroup(self)
        titles = {"light": self.tr("Light"), "dark": self.tr("Dark"), "system": self.tr("As the system")}
        for choice, title in titles.items():
            help = self.tr("The window's colours.")
            action = self._add(menu, title, help, lambda choice=choice: self.choose_theme(choice))
            action.setCheckable(True)
            action.setChecked(choice == self._window.settings.theme)
            group.addAction(action)
        menu.addSeparator()
        help = self.tr("Sizes as on the first day.")
        self._add(menu, self.tr("Reset layout"), help, self._window.reset_layout)

    def _help(self, menu: QMenu) -> None:
        self._add(menu, self.tr("What is what"), self.tr("Each technique in plain words."), self._explain)
        self._add(menu, self.tr("About Bozzetto"), self.tr("Version and licence."), self._about)

    def _add(
        self,
        menu: QMenu,
        title: str,
        help: str,
        deed: Callable[[], object],
        keys: QKeySequence.StandardKey | str | None = None,
    ) -> QAction:
        action = menu.addAction(title)
        action.setToolTip(help)
        action.setStatusTip(help)
        if keys is not None:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _checked=False: deed())
        return action

    def _ask_open(self) -> None:
        filters = self.tr("Recipes ({0})").format(FILTER)
        path, _ = QFileDialog.getOpenFileName(self._window, self.tr("Open a recipe"), filter=filters)
        if path:
            self.open_recipe(Path(path))

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self._window, self.tr("Save the recipe"), "recipe.yaml")
        if path:
            self.save_recipe(Path(path))

    def _follow_system(self, _scheme: Qt.ColorScheme) -> None:
        if self._window.settings.theme == "system":
            self.choose_theme("system")

    def _explain(self) -> None:
        parts = [
            f"<p><b>{each.title}</b> <i>({each.technical})</i><br>{each.summary}<br><small>{each.source}</small></p>"
            for each in TECHNIQUES
        ]
        self._show(self.tr("What is what"), "".join(parts))

    def _about(self) -> None:
        from importlib import metadata

        text = self.tr(
            "<h3>Bozzetto {0}</h3><p>A bozzetto is the small model a sculptor makes. Bozzetto makes a language model "
            "small, and shows what that costs.</p><p>Size, speed and quality are read off the saved folder, loaded "
            "again in a fresh process. There is no other measurement.</p><p>Apache-2.0. Starter data: WordNet 3.1, "
            "© Princeton University.</p>"
        )
        self._show(self.tr("About Bozzetto"), text.format(metadata.version("bozzetto")))

    def _show(self, title: str, text: str) -> None:
        box = QMessageBox(self._window)
        box.setWindowTitle(title)
        box.setTextFormat(Qt.TextFormat.RichText)
        box.setText(text)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()
