// The part of the hook that has to be C++: Kea hands over shared pointers, and may throw. Nothing is decided here.

#include "shim.h"

#include <asiolink/io_address.h>
#include <cc/data.h>
#include <dhcp/dhcp4.h>
#include <dhcp/option.h>
#include <dhcp/pkt4.h>
#include <dhcpsrv/lease.h>
#include <exceptions/exceptions.h>
#include <hooks/hooks.h>
#include <log/logger.h>
#include <log/macros.h>
#include <log/message_initializer.h>
#include <process/daemon.h>

#include <cstdlib>
#include <string>
#include <vector>

using namespace isc::dhcp;
using namespace isc::hooks;
using isc::asiolink::IOAddress;

namespace {

const isc::log::MessageID TRANSLOAD_HOOK = "TRANSLOAD_HOOK";
const char* messages[] = { "TRANSLOAD_HOOK", "%1", NULL };
const isc::log::MessageInitializer initializer(messages);
isc::log::Logger logger("transload-hooks");

const uint16_t STEERING[] = { 66, 150, 159, 160 };

std::string text(LibraryHandle& handle, const char* name, const std::string& otherwise) {
    isc::data::ConstElementPtr value = handle.getParameter(name);
    if (!value) {
        return otherwise;
    }
    if (value->getType() != isc::data::Element::string) {
        isc_throw(isc::BadValue, "parameter \"" << name << "\" is not text");
    }
    return value->stringValue();
}

std::vector<uint8_t> content(const Pkt4Ptr& packet, uint16_t code, bool& present) {
    OptionPtr option = packet->getOption(code);
    present = static_cast<bool>(option);
    return present ? option->toBinary() : std::vector<uint8_t>();
}

Bytes bytes(const std::vector<uint8_t>& data, bool present) {
    static const uint8_t none = 0;
    Bytes bytes = { present ? (data.empty() ? &none : data.data()) : NULL, data.size() };
    return bytes;
}

bool mac_of(const HWAddrPtr& address, uint8_t* mac) {
    if (!address || address->hwaddr_.size() != 6) {
        return false;
    }
    std::copy(address->hwaddr_.begin(), address->hwaddr_.end(), mac);
    return true;
}

// DISCOVER, or REQUEST in INIT-REBOOT (RFC 2131 §4.3.2).
bool boots(const Pkt4Ptr& query) {
    return query->getType() == DHCPDISCOVER ||
        (query->getType() == DHCPREQUEST && query->getCiaddr().isV4Zero() && !query->getOption(54) &&
         query->getOption(50));
}

void apply(const Answer& answer, const Pkt4Ptr& response) {
    if (answer.steers) {
        for (uint16_t code : STEERING) {
            while (response->delOption(code)) {
            }
        }
        response->setSiaddr(IOAddress(uint32_t(0)));
    }
    for (int i = 0; i < answer.count; ++i) {
        const DhcpOption& told = answer.options[i];
        std::vector<uint8_t> value(told.value, told.value + told.length);
        while (response->delOption(told.code)) {
        }
        response->addOption(OptionPtr(new isc::dhcp::Option(isc::dhcp::Option::V4, told.code, value)));
    }
    if (answer.has_siaddr) {
        response->setSiaddr(IOAddress(answer.siaddr));
    }
    if (answer.sname_length) {
        response->setSname(answer.sname, answer.sname_length);
    }
    if (answer.file_length) {
        response->setFile(answer.file, answer.file_length);
    }
}

// Runs a callout; what it throws is logged and goes no further.
template <typename Callout>
int guarded(const char* name, Callout callout) {
    try {
        return callout();
    } catch (const std::exception& error) {
        shim_log(2, (std::string(name) + ": " + error.what()).c_str());
    } catch (...) {
        shim_log(2, (std::string(name) + ": an exception of unknown kind").c_str());
    }
    return 1;
}

}  // namespace

extern "C" {

int shim_version() {
    return KEA_HOOKS_VERSION;
}

int shim_load(void* raw) {
    return guarded("load", [raw]() {
        LibraryHandle& handle = *static_cast<LibraryHandle*>(raw);
        const std::string name = isc::process::Daemon::getProcName();
        if (name != "kea-dhcp4") {
            isc_throw(isc::Unexpected, "this hook is for kea-dhcp4, not for " << name);
        }
        const std::string config = text(handle, "config", "/etc/kea/transload.toml");
        const std::string feed = text(handle, "feed", "");
        const char* data = getenv("KEA_DHCP_DATA_DIR");
        const std::string folder = data ? data : "/var/lib/kea";
        const std::string cache = text(handle, "cache", folder + "/transload-verdicts");
        return transload_start(config.c_str(), feed.c_str(), cache.c_str());
    });
}

int shim_unload() {
    return guarded("unload", []() { transload_stop(); return 0; });
}

int shim_pkt4_send(void* raw) {
    return guarded("pkt4_send", [raw]() {
        CalloutHandle& handle = *static_cast<CalloutHandle*>(raw);
        Pkt4Ptr query, response;
        handle.getArgument("query4", query);
        handle.getArgument("response4", response);
        Question question = Question();
        if (!query || !response || !mac_of(query->getHWAddr(), question.mac)) {
            return 0;
        }
        question.query = query->getType();
        question.response = response->getType();
        question.boot = boots(query);
        question.address = response->getYiaddr().toUint32();
        if (response->getOption(51)) {
            const std::vector<uint8_t> seconds = response->getOption(51)->toBinary();
            for (uint8_t octet : seconds) {
                question.seconds = question.seconds << 8 | octet;
            }
        }
        bool has_class, has_list, has_id;
        const std::vector<uint8_t> vendor_class = content(query, 60, has_class);
        const std::vector<uint8_t> request_list = content(query, 55, has_list);
        const std::vector<uint8_t> client_id = content(query, 61, has_id);
        question.vendor_class = bytes(vendor_class, has_class);
        question.request_list = bytes(request_list, has_list);
        question.client_id = bytes(client_id, has_id);
        Answer answer;
        answer.steers = answer.has_siaddr = answer.count = answer.sname_length = answer.file_length = 0;
        transload_answer(&question, &answer);
        apply(answer, response);
        return 0;
    });
}

// lease4_release, lease4_decline and lease4_expire.
int shim_lease4_gone(void* raw) {
    return guarded("lease4", [raw]() {
        CalloutHandle& handle = *static_cast<CalloutHandle*>(raw);
        Lease4Ptr lease;
        handle.getArgument("lease4", lease);
        uint8_t mac[6];
        if (lease && mac_of(lease->hwaddr_, mac)) {
            transload_freed(mac, lease->addr_.toUint32());
        }
        return 0;
    });
}

void shim_log(int level, const char* text) {
    // A logger must not be what ends a thread of ours.
    try {
        switch (level) {
        case 0: LOG_INFO(logger, TRANSLOAD_HOOK).arg(text); break;
        case 1: LOG_WARN(logger, TRANSLOAD_HOOK).arg(text); break;
        default: LOG_ERROR(logger, TRANSLOAD_HOOK).arg(text); break;
        }
    } catch (...) {
    }
}

}
