"""A Cisco 7800/8800 phone made of real clients. Run inside its own network namespace:

    phone.py CONFIG.json

Its state is in <work>/state.json all the while; the result is one JSON line at the end. SIGUSR1 is a power cycle,
SIGTERM the end. It refuses, as `stranded`, whatever would have ruined a real phone.
"""

import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import enterprise
import multiplatform
import page
from body import Phone, PowerCycle, Stranded


class End(Exception):
    """SIGTERM."""


def main():
    with open(sys.argv[1]) as file:
        phone = Phone(json.load(file))
    page.start(phone)

    def end(*_):
        raise End

    def cycle(*_):
        phone.power_cycle = True
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGUSR1, cycle)
    try:
        while True:
            try:
                (enterprise if phone.load.enterprise else multiplatform).run(phone)
            except PowerCycle:
                phone.note("power cycle")
    except Stranded as stranded:
        phone.problem = f"stranded: {stranded}"
        phone.note(phone.problem)
    except End:
        pass
    except Exception as error:                         # a defect of this phone must not look like success
        phone.problem = f"the test phone itself failed: {error!r}"
        phone.save()
        raise
    finally:
        print(json.dumps(phone.result()), flush=True)


if __name__ == "__main__":
    main()
