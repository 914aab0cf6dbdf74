"""What the fuzzer of the API is told: the phones there are, since an address made up at random is hardly ever one's."""

import os
import random
import re
import urllib.parse

import schemathesis

KNOWN = os.environ["TRANSLOAD_PHONES"].split(",")
SPELLINGS = (str, str.lower, lambda mac: "SEP" + mac, lambda mac: ":".join(re.findall("..", mac)))


@schemathesis.hook
def before_call(context, case, kwargs):
    """An address that is one becomes mostly a phone's; one that is none stays what it is."""
    named = case.path_parameters or {}
    digits = re.sub(r"^([Ss][Ee][Pp])|[:. \-]", "", urllib.parse.unquote(str(named.get("mac"))))
    if re.fullmatch(r"[0-9A-Fa-f]{12}", digits) and random.random() < 0.8:
        named["mac"] = random.choice(SPELLINGS)(random.choice(KNOWN))
