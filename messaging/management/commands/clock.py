import signal
import threading
from types import FrameType

from django.core.management.base import BaseCommand

from messaging import clock
from portal.kernel import turns


class Command(BaseCommand):
    help = "Runs what must happen on time: ends, scheduled sends, the ledger's tree. Several at once are safe."

    def handle(self, *args: object, **options: object) -> None:
        stop = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        turns.shorten()  # sending what is due waits for no other loop
        clock.run(stop)
