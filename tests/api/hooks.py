"""What the fuzzer of the API is told: the phones there are, since an address made up at random is hardly ever one's."""

import os
import random
import re
import urllib.parse

import schemathesis

KNOWN = os.environ["TRANSLOAD_PHONES"].split(",")
SPELLINGS = (str, str.lower, lambda mac: "SEP" + mac, lambda mac: ":".join(re.findall("..", mac)))


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """An address that is one becomes mostly a phone's; one that is none stays what it is."""
    mac = urllib.parse.unquote(str((path_parameters or {}).get("mac")))
    if re.fullmatch(r"[0-9A-Fa-f]{12}", re.sub(r"^([Ss][Ee][Pp])|[:. \-]", "", mac)) \
            and random.random() < 0.8:
        path_parameters["mac"] = random.choice(SPELLINGS)(random.choice(KNOWN))
    return path_parameters
