"""What the protocol cases work with: a server that is configured as the case wants, and clients beside it or behind a relay."""

import os

import pytest

from conform import RELAYED
from conform.lab import Lab
from conform.servers import FAR, NEAR, RELAY, SERVER, SERVERS
from needs import need


@pytest.fixture
def lab(request, switch, folder, logs, pytestconfig):
    wanted = SERVERS[pytestconfig.option.server]
    need("curl", *wanted.tools)
    way, setup = request.node.case.setup["way"], request.node.case.setup["server"]
    host = switch.host("srv", address=f"{SERVER}/24")
    client = switch.host("c", address=f"{NEAR}.1/24" if way == RELAYED else None)
    if way == RELAYED:
        client.ip("address", "add", f"{RELAY}/24", "dev", client.interface)
        host.ip("route", "add", f"{FAR}.0/24", "via", f"{NEAR}.1")
    server = wanted(host, os.path.join(folder, "server"), **setup)
    logs.append(server.log_tail)
    made = Lab(switch, host, client, server, way, setup)
    yield made
    made.close()
    alive = server.alive()
    server.stop()
    assert alive, "the server has ended"
