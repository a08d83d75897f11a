"""The main window: where everything lies, and every connection between the parts.

    left    the recipe                                   gui.recipe_panel
    centre  message, verdict, live plots, map of runs    gui.verdict, gui.plots
    below   tabs: runs, compare, changed answers, …      gui.details
    foot    the machine                                  gui.status_bar

The map and the tabs are made once the rest is on the screen: they are empty until the runs were
read, and a window that shows itself a tenth of a second sooner is worth two steps.

What the person does goes through `gui.conductor`, what the engine says through `gui.news`; the state
is in `gui.session`.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QSplitter, QVBoxLayout, QWidget

from gui.conductor import Conductor
from gui.icons import icon
from gui.menus import Menus
from gui.message_bar import MessageBar
from gui.news import News
from gui.plots.live import LivePlots
from gui.questions import Questions
from gui.recipe_panel.panel import RecipePanel
from gui.session import Session, first_recipe
from gui.settings import Settings
from gui.status_bar import StatusBar
from gui.verdict import Verdict
from gui.worker import Worker

SMALLEST = QSize(1280, 800)
SHARE_OF_SCREEN = 0.85


class MainWindow(QMainWindow):
    """`worker` may be one that drives another command (tests do)."""

    def __init__(self, worker: Worker | None = None) -> None:
        super().__init__()
        self.setWindowTitle("Bozzetto")
        self.setWindowIcon(icon("bozzetto"))
        self.settings = Settings()
        self.session = Session(self.settings.recipe or first_recipe(), self)
        self.worker = worker or Worker()
        self.worker.setParent(self)
        self.questions = Questions(self.worker, self)
        self.recipe = RecipePanel(self.session.recipe)
        self.message, self.verdict, self.live = MessageBar(), Verdict(), LivePlots()
        self.status = StatusBar()
        self.setStatusBar(self.status)
        self.conductor = Conductor(self)
        self.news = News(self)
        self.menus = Menus(self)
        self._lay_out()
        self._restore()

    def begin(self) -> None:
        """Make the rest and start what takes time. Called once the window is on the screen."""
        self._make_rest()
        self._connect_signals()
        self.worker.start()
        self.session.watch()
        self.status.begin()
        self.recipe.run_bar.button.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the window, then end the engine and what it started."""
        self.settings.set_state("geometry", self.saveGeometry())
        self.settings.set_state("columns", self.centre.saveState())
        self.settings.set_recipe(self.session.recipe)
        self.settings.save()
        self.status.end()
        self.worker.stop()
        super().closeEvent(event)

    def reset_layout(self) -> None:
        """Sizes as on the first day."""
        self.settings.forget_layout()
        self._first_sizes()

    def _make_rest(self) -> None:
        from gui.details import Details
        from gui.plots.runs_map import RunsMap

        self.map, self.tabs = RunsMap(), Details()
        for place, widget in ((1, self.map), (2, self.tabs)):
            empty = self.centre.replaceWidget(place, widget)
            if empty is not None:
                empty.deleteLater()
            widget.show()
        self.table, self.compare, self.changed = self.tabs.table, self.tabs.compare, self.tabs.changed
        self.try_it, self.layers, self.log = self.tabs.try_it, self.tabs.layers, self.tabs.log

    def _lay_out(self) -> None:
        top = QWidget()
        column = QVBoxLayout(top)
        column.setContentsMargins(6, 10, 14, 0)
        column.setSpacing(10)
        column.addWidget(self.message)
        column.addWidget(self.verdict)
        self.centre = QSplitter(Qt.Orientation.Vertical)
        self.centre.setChildrenCollapsible(False)
        self.centre.setHandleWidth(10)
        for widget in (self.live, QWidget(), QWidget()):
            self.centre.addWidget(widget)
        column.addWidget(self.centre, 1)
        whole = QWidget()
        row = QHBoxLayout(whole)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.recipe)
        row.addWidget(top, 1)
        self.setCentralWidget(whole)

    def _restore(self) -> None:
        self._first_sizes()
        geometry, columns = self.settings.state("geometry"), self.settings.state("columns")
        if geometry is not None:
            self.restoreGeometry(geometry)
        if columns is not None:
            self.centre.restoreState(columns)
        self.recipe.model.set_recent(self.settings.recent("models"))
        self.recipe.data.set_recent(self.settings.recent("data"))
        self.verdict.set_run(None)

    def _first_sizes(self) -> None:
        room = self.screen().availableSize()
        self.resize((room * SHARE_OF_SCREEN).expandedTo(SMALLEST).boundedTo(room))
        self.centre.setSizes([265, 190, 235])

    def _connect_signals(self) -> None:
        session, worker, questions = self.session, self.worker, self.questions
        do, news = self.conductor, self.news
        # the person
        self.recipe.edited.connect(session.set_recipe)
        self.recipe.asked_again.connect(news.ask_profile)
        self.recipe.download_stopped.connect(worker.cancel)
        self.recipe.run_bar.run.connect(do.run)
        self.recipe.run_bar.cancel.connect(do.cancel)
        self.table.selected.connect(session.select)
        self.table.reuse.connect(do.reuse)
        self.table.delete.connect(do.delete)
        self.table.export.connect(do.export)
        self.map.selected.connect(session.select)
        self.try_it.asked.connect(do.try_it)
        self.try_it.stopped.connect(do.stop_trying)
        # the state
        session.recipe_changed.connect(self.recipe.set_recipe)
        session.recipe_changed.connect(news.show_recipe)
        session.recipe_changed.connect(self.map.set_recipe)
        self.map.set_recipe(session.recipe)
        session.model_changed.connect(news.ask_profile)
        session.data_changed.connect(questions.data)
        session.profile_changed.connect(self.recipe.set_profile)
        session.profile_changed.connect(news.show_recipe)
        for view in (self.recipe, self.live):
            session.task_changed.connect(view.set_task)
        session.task_changed.connect(news.show_recipe)
        for view in (self.table, self.map, self.compare):
            session.runs_changed.connect(view.set_runs)
        session.selected_changed.connect(news.show_selected)
        # the engine
        for view in (self.live, self.verdict, self.layers, self.log, news):
            worker.happened.connect(view.on_event)
        worker.started.connect(news.greet)
        worker.died.connect(news.mourn)
        worker.gave_up.connect(news.give_up)
        worker.running_changed.connect(news.show_running)
        questions.profile_read.connect(news.take_profile)
        questions.data_read.connect(news.take_data)
        questions.preflight_read.connect(news.take_preflight)
        questions.written.connect(self.try_it.add_piece)
        questions.answered.connect(self.try_it.show_answer)
        questions.refused.connect(news.refused)
