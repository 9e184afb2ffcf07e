"""How a scrape is answered: a snapshot of the loop's numbers as text, which prometheus_client makes.

The snapshot is made by the loop between two batches; the page is made on the HTTP thread, whose work competes with the
loop's. Between two scrapes hardly anything but the numbers changes, so the library's page is kept with places for them.
No global registry.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from agent.shell.metrics import METRICS, Entry
from agent.shell.tally import HistogramValue, Number, Snapshot, SummaryValue, Value

FORMS = 4  # content types whose pages are kept
LARGEST = 1 << 16  # characters of a page that is kept; metrics per asset make larger ones
_END = b"# EOF\n"  # of OpenMetrics

_Shape = list[object]  # what of a snapshot is not a number


class Scrapes:
    """Answers scrapes with the agent's metrics, the process's and the platform's; from any thread."""

    def __init__(self, source: Callable[[], Snapshot], *, proc: str = "/proc") -> None:
        self._source = source
        self._others = CollectorRegistry(auto_describe=False)
        _Process(proc=proc, registry=self._others)
        PlatformCollector(registry=self._others)
        self._pages: dict[str, _Page] = {}  # by content type; replaced as a whole

    def render(self, accept: str) -> tuple[bytes, str]:
        """The scrape and its content type: OpenMetrics where the scraper takes it, else the Prometheus text format."""
        encoder, content_type = choose_encoder(accept)
        snapshot = self._source()
        shape, numbers = _apart(snapshot)
        page = self._pages.get(content_type)
        if page is not None and page.shape == shape:
            own = page.fill(numbers)
        else:
            own = encoder(_Exposition(snapshot)).decode()
            self._keep(content_type, _Page.of(own, shape, numbers))
        return own.encode().removesuffix(_END) + encoder(self._others), content_type

    def _keep(self, content_type: str, page: _Page | None) -> None:
        pages = {name: each for name, each in self._pages.items() if name != content_type}
        if len(pages) >= FORMS:
            pages.clear()  # who asks for one form after another is no Prometheus
        if page is not None:
            pages[content_type] = page
        self._pages = pages


class _Page(NamedTuple):
    """A page as the library made it, with a place for each number."""

    shape: _Shape
    text: str

    @classmethod
    def of(cls, own: str, shape: _Shape, numbers: Sequence[float]) -> _Page | None:
        """None where it is too large, or where filling it would not give the same page."""
        if len(own) > LARGEST:
            return None
        lines = [line.replace("%", "%%") for line in own.split("\n")]
        samples = [k for k, line in enumerate(lines) if line and not line.startswith("#")]
        for k in samples:
            lines[k] = lines[k].rpartition(" ")[0] + " %s"
        page = cls(shape, "\n".join(lines))
        return page if len(samples) == len(numbers) and page.fill(numbers) == own else None

    def fill(self, numbers: Sequence[float]) -> str:
        return self.text % tuple(map(floatToGoString, numbers))


class _Exposition(Collector):
    """Turns a snapshot into what prometheus_client renders. A metric the snapshot leaves out is left out."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        for entry in METRICS:
            if entry.name in self._snapshot:
                yield _family(entry, self._snapshot[entry.name])


def _apart(snapshot: Snapshot) -> tuple[_Shape, list[float]]:
    """What stays from one scrape to the next, and the numbers, in the order in which the page has them."""
    shape: _Shape = []
    numbers: list[float] = []
    for entry in METRICS:
        value = snapshot.get(entry.name)
        if value is None:
            continue
        shape.append(entry.name)
        if isinstance(value, Mapping):
            shape.append(tuple(value))
            for number in value.values():
                numbers += _figures(number)
        else:
            if isinstance(value, HistogramValue):
                shape.append(value.bounds)
            numbers += _figures(value)
    return shape, numbers


def _figures(number: Number) -> Sequence[float]:
    """The samples of one value; a histogram's are cumulative, then how many there are and their sum."""
    match number:
        case HistogramValue(_, counts, total):
            return [*accumulate(counts), sum(counts), total]
        case SummaryValue(times, total):
            return [times, total]
    return [number]


def _family(entry: Entry, value: Value) -> Metric:
    name = entry.name
    family = Metric(name.removesuffix("_total").removesuffix("_info"), entry.help, entry.kind)
    for values, number in value.items() if isinstance(value, Mapping) else [((), value)]:
        labels = dict(zip(entry.labels, values, strict=True))
        figures = list(_figures(number))
        match number:
            case HistogramValue(bounds):
                at_most = [*(str(float(bound)) for bound in bounds), "+Inf"]
                for bound, count in zip(at_most, figures, strict=False):
                    family.add_sample(name + "_bucket", {**labels, "le": bound}, count)
                family.add_sample(name + "_count", labels, figures[-2])
                family.add_sample(name + "_sum", labels, figures[-1])
            case SummaryValue():
                family.add_sample(name + "_count", labels, figures[0])
                family.add_sample(name + "_sum", labels, figures[1])
            case _:
                family.add_sample(name, labels, figures[0])
    return family


class _Process(ProcessCollector):
    """The usual `process_*` metrics, also where a hardened unit hides /proc/stat (`ProcSubset=pid`).

    prometheus_client reads the boot time there, and without it reports nothing at all.
    """

    def _boot_time(self) -> float:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
